package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.panaformer.Backend;
import dev.panaformer.BackendException;
import dev.panaformer.ComputeOptions;
import dev.panaformer.Device;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.engine.CudaEngine;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.linear.UnpackedWeight;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What is specific to kernels on a device. The tests of the families check that their results are
 * right. Skipped without a GPU; tests of the emulation are skipped without a C++ compiler.
 */
class CudaKernelsTest {
  private static final int TOKENS = 3;
  private static final int IN = 20;
  private static final int OUT = 33;

  private static Kernels open(Backend backend) {
    try {
      return ComputeOptions.DEFAULT.withBackend(backend).withThreads(1).openKernels();
    } catch (BackendException | UnsupportedOperationException e) {
      return abort(e.getMessage());
    }
  }

  private static float[] random(int count) {
    float[] values = new float[count];
    Random random = new Random(count);
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  private static MemorySegment place(Kernels kernels, NativeMemory memory, float[] values) {
    return kernels.memory().place(memory, host -> host.allocateFrom(JAVA_FLOAT, values));
  }

  private static float[] read(Kernels kernels, MemorySegment tensor, int count) {
    try (Workspace workspace = new Workspace(kernels.memory())) {
      return kernels
          .memory()
          .onHost(tensor, count, workspace)
          .asSlice(0, (long) count * Float.BYTES)
          .toArray(JAVA_FLOAT);
    }
  }

  private static float[] linear(Kernels kernels) {
    try (NativeMemory memory = kernels.memory().allocator(new NativeMemory())) {
      PackedWeight weight =
          kernels.packing().pack("w", place(kernels, memory, random(OUT * IN)), OUT, IN, memory);
      MemorySegment x = place(kernels, memory, random(TOKENS * IN));
      MemorySegment y = memory.allocate(TOKENS * OUT * Float.BYTES);
      kernels
          .linear()
          .linear(
              x,
              new LinearWeights(weight, MemorySegment.NULL),
              MemorySegment.NULL,
              y,
              TOKENS,
              Activation.GELU_ERF);
      return read(kernels, y, TOKENS * OUT);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void computesWhatTheProcessorDoes(Backend backend) {
    try (Kernels cuda = open(backend);
        Kernels java = new JavaKernels()) {
      assertArrayEquals(linear(java), linear(cuda), 1e-5f);
      assertTrue(cuda.description().startsWith("cuda"), cuda.description());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void copiesBetweenHostAndDeviceAndWithinTheDevice(Backend backend) {
    try (Kernels cuda = open(backend);
        NativeMemory memory = cuda.memory().allocator(new NativeMemory())) {
      MemorySegment from = place(cuda, memory, new float[] {1, 2, 3, 4, 5});
      MemorySegment to = place(cuda, memory, new float[] {0, 0, 0});
      cuda.memory().copy(from, 2, to, 1, 2);
      assertArrayEquals(new float[] {0, 3, 4}, read(cuda, to, 3));
      assertThrows(IndexOutOfBoundsException.class, () -> cuda.memory().copy(from, 4, to, 0, 2));
      assertThrows(IndexOutOfBoundsException.class, () -> read(cuda, to, 4));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void keepsJavaFromTheDevicesMemory(Backend backend) {
    try (Kernels cuda = open(backend);
        NativeMemory memory = cuda.memory().allocator(new NativeMemory())) {
      MemorySegment tensor = place(cuda, memory, new float[] {1, 2});
      assertEquals(2 * Float.BYTES, tensor.byteSize());
      assertThrows(IllegalStateException.class, () -> tensor.get(JAVA_FLOAT, 0));
      assertThrows(IllegalStateException.class, () -> tensor.set(JAVA_FLOAT, 0, 1));
      assertThrows(IllegalStateException.class, () -> tensor.asSlice(4).toArray(JAVA_FLOAT));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void refusesTheHostsMemoryForResults(Backend backend) {
    try (Kernels cuda = open(backend);
        NativeMemory host = new NativeMemory();
        NativeMemory memory = cuda.memory().allocator(new NativeMemory())) {
      MemorySegment x = place(cuda, memory, new float[] {1, 2});
      MemorySegment y = host.allocate(8);
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> cuda.linear().activate(x, y, 2, Activation.RELU));
      assertTrue(e.getMessage().contains("y lies in the host's memory"), e.getMessage());
    }
  }

  private static float[] attention(Kernels kernels) {
    int floats = TOKENS * IN;
    try (NativeMemory memory = kernels.memory().allocator(new NativeMemory());
        Workspace workspace = new Workspace(kernels.memory())) {
      MemorySegment qkv = place(kernels, memory, random(3 * floats));
      MemorySegment y = memory.allocate(floats * Float.BYTES);
      TokenBatch batch = workspace.batch();
      for (int t = 0; t < TOKENS; t++) {
        batch.add(0, 0, 0);
      }
      batch.endSequence();
      kernels
          .attention()
          .attention(
              Attention.in(workspace).of(2, 2, IN / 2, 0.3f).packed(qkv, y, batch), workspace);
      return read(kernels, y, floats);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void attendsInWhatIsAskedFor(Backend backend) {
    float[] exact;
    try (Kernels cuda = open(backend)) {
      exact = attention(cuda);
    }
    try {
      for (String dtype : List.of("fp16", "bf16")) {
        System.setProperty(CudaEngine.ATTENTION_PROPERTY, dtype);
        try (Kernels cuda = open(backend)) {
          float[] rounded = attention(cuda);
          assertFalse(Arrays.equals(exact, rounded), dtype);
          assertArrayEquals(exact, rounded, 0.01f, dtype);
        }
      }
      System.setProperty(CudaEngine.ATTENTION_PROPERTY, "fp8");
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> ComputeOptions.DEFAULT.withBackend(backend).withThreads(1).openKernels())
              .getMessage();
      assertEquals("panaformer.cuda.attention is fp8, expected fp32, fp16 or bf16", message);
    } finally {
      System.clearProperty(CudaEngine.ATTENTION_PROPERTY);
    }
  }

  /**
   * The emulation has a host version of the library. On a GPU the test uses cuBLASLt if it is
   * installed.
   */
  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void multipliesByTheLibraryThatIsAskedFor(Backend backend) {
    System.setProperty(CudaEngine.CUBLAS_PROPERTY, "true");
    try (Kernels cuda = open(backend);
        NativeMemory memory = cuda.memory().allocator(new NativeMemory())) {
      int tokens = 70;
      PackedWeight weight =
          cuda.packing()
              .pack(
                  new UnpackedWeight(
                      "w", place(cuda, memory, random(OUT * IN)), DType.F32, OUT, IN),
                  WeightFormat.BF16,
                  memory);
      MemorySegment x = place(cuda, memory, random(tokens * IN));
      MemorySegment y = memory.allocate(tokens * OUT * Float.BYTES);
      cuda.linear()
          .linear(
              x,
              new LinearWeights(weight, MemorySegment.NULL),
              MemorySegment.NULL,
              y,
              tokens,
              Activation.NONE);
      float[] expected = new float[tokens * OUT];
      float[] w = random(OUT * IN);
      float[] inputs = random(tokens * IN);
      for (int i = 0; i < expected.length; i++) {
        for (int p = 0; p < IN; p++) {
          expected[i] += inputs[i / OUT * IN + p] * w[i % OUT * IN + p];
        }
      }
      assertArrayEquals(expected, read(cuda, y, expected.length), 0.02f);
    } finally {
      System.clearProperty(CudaEngine.CUBLAS_PROPERTY);
    }
  }

  /** The kernels of a step run when it ends. Reading a result within the step waits for them. */
  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void stepsAreWhatTheirKernelsAre(Backend backend) {
    try (Kernels cuda = open(backend);
        NativeMemory memory = cuda.memory().allocator(new NativeMemory())) {
      MemorySegment x = place(cuda, memory, random(IN));
      for (int step = 0; step < 3; step++) {
        cuda.step(() -> {
          for (int i = 0; i < 5; i++) {
            cuda.linear().activate(x, x, IN, Activation.TANH);
          }
        });
      }
      float[] expected = random(IN);
      for (int i = 0; i < IN; i++) {
        double value = expected[i];
        for (int n = 0; n < 15; n++) {
          value = Math.tanh(value);
        }
        expected[i] = (float) value;
      }
      assertArrayEquals(expected, read(cuda, x, IN), 1e-5f);
      assertThrows(
          IllegalStateException.class,
          () ->
              cuda.step(() -> {
                throw new IllegalStateException("a pass that fails");
              }));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"CUDA", "CUDA_EMULATED"})
  void writesAndClearsTensorsOfTheDevice(Backend backend) {
    try (Kernels cuda = open(backend);
        NativeMemory memory = cuda.memory().allocator(new NativeMemory());
        Workspace workspace = new Workspace(cuda.memory())) {
      MemorySegment x = memory.allocate(5 * Float.BYTES);
      cuda.memory()
          .write(
              x,
              5,
              workspace,
              host -> MemorySegment.copy(new float[] {1, 2, 3, 4, 5}, 0, host, JAVA_FLOAT, 0, 5));
      cuda.memory().clear(x, 1, 2);
      assertArrayEquals(new float[] {1, 0, 0, 4, 5}, read(cuda, x, 5));
      assertThrows(IndexOutOfBoundsException.class, () -> cuda.memory().clear(x, 4, 2));
    }
  }

  /** The only test of the machine itself: there is a GPU, or the description says why not. */
  @Test
  void findsAGpuOrSaysWhyThereIsNone() {
    assertTrue(!Device.describeAll().isEmpty());
    try {
      assertEquals(new Device(Backend.CUDA, 0), Device.cuda(0));
      assertEquals(Backend.CUDA, Device.best().backend());
    } catch (BackendException e) {
      assertTrue(e.getMessage().contains("libpanaformer_cuda.so"), e.getMessage());
      assertEquals(Device.cpu(), Device.best());
    } catch (UnsupportedOperationException e) {
      assertTrue(e.getMessage().startsWith("There is no CUDA device"), e.getMessage());
      assertEquals(Device.cpu(), Device.best());
    }
  }
}
