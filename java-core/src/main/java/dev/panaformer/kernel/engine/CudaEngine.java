package dev.panaformer.kernel.engine;

import dev.panaformer.bindings.CudaException;
import dev.panaformer.bindings.CudaLibrary;
import dev.panaformer.bindings.NativeLibrary;
import dev.panaformer.bindings.panaformer_h;
import dev.panaformer.kernel.memory.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * An engine for a CUDA device, or for the same kernels emulated on the host. Parameters are passed
 * as for the CPU. The engine runs its kernels in order on one stream. Calls return before their
 * kernels have finished; only reading a result waits.
 *
 * <p>Segments of device memory have an address and a size, but their arena is closed. Java code
 * that reads or writes such a segment therefore gets an {@link IllegalStateException} and never
 * touches host memory at a device address.
 */
public final class CudaEngine extends NativeEngine implements DeviceMemory {
  /**
   * System property: the type to which attention rounds queries, keys and values so that tensor
   * cores can multiply them, {@code fp16} or {@code bf16}. The default {@code fp32} rounds nothing.
   */
  public static final String ATTENTION_PROPERTY = "panaformer.cuda.attention";

  /**
   * System property: {@code true} lets cuBLASLt compute linear layers with bfloat16 weights and
   * many tokens. Its order of summation depends on the number of tokens, so the last bits of a
   * result then depend on the batch.
   */
  public static final String CUBLAS_PROPERTY = "panaformer.cuda.cublas";

  private final CudaLibrary library;
  private final MemorySegment engine;
  private final String description;

  private CudaEngine(CudaLibrary library, MemorySegment engine, String description) {
    super(engine);
    this.library = library;
    this.engine = engine;
    this.description = description;
  }

  /**
   * Starts an engine on a device.
   *
   * @param index the number of the device
   * @throws dev.panaformer.bindings.NativeLibraryException if the CUDA library is missing, damaged
   *     or of another version
   * @throws UnsupportedOperationException if there is no driver or no such device; the message says
   *     which
   */
  public static CudaEngine create(int index) {
    NativeLibrary.load();
    CudaLibrary library = CudaLibrary.load();
    requireDevice(library, index);
    CudaLibrary.Description device = library.describe(index);
    return new CudaEngine(
        library,
        createEngine(library, index),
        String.format(
            Locale.ROOT,
            "cuda %d, %s, %d MB",
            index,
            device.name(),
            device.memoryBytes() / 1_000_000));
  }

  /** Starts an engine that runs the CUDA kernels on the host. It is slow and meant for tests. */
  public static CudaEngine createEmulated() {
    NativeLibrary.load();
    CudaLibrary library = CudaLibrary.loadEmulated();
    return new CudaEngine(library, createEngine(library, 0), "cuda, emulated on the host");
  }

  /**
   * Checks that the driver finds a device.
   *
   * @param index the number of the device
   * @throws UnsupportedOperationException if there is no driver or no such device; the message says
   *     which
   */
  public static void requireDevice(CudaLibrary library, int index) {
    int count;
    try {
      count = library.deviceCount();
    } catch (CudaException e) {
      throw new UnsupportedOperationException("There is no CUDA device: " + e.getMessage(), e);
    }
    if (index < 0 || index >= count) {
      throw new UnsupportedOperationException(
          "There is no CUDA device " + index + ": the driver finds " + count);
    }
  }

  private static MemorySegment createEngine(CudaLibrary library, int index) {
    int attention =
        switch (System.getProperty(ATTENTION_PROPERTY, "fp32")) {
          case "fp32" -> panaformer_h.PF_DTYPE_FP32();
          case "fp16" -> panaformer_h.PF_DTYPE_FP16();
          case "bf16" -> panaformer_h.PF_DTYPE_BF16();
          default ->
              throw new IllegalArgumentException(
                  ATTENTION_PROPERTY
                      + " is "
                      + System.getProperty(ATTENTION_PROPERTY)
                      + ", expected fp32, fp16 or bf16");
        };
    MemorySegment engine = library.createEngine(index);
    try {
      library.setAttentionType(engine, attention);
      if (Boolean.getBoolean(CUBLAS_PROPERTY)) {
        library.useCublas(engine);
      }
      return engine;
    } catch (Throwable e) {
      panaformer_h.pf_engine_destroy(engine);
      throw e;
    }
  }

  /** Returns the name of the device and its memory as text for users. */
  public String description() {
    return description;
  }

  /** Copies bytes between two addresses. Each may be in device or host memory. */
  public void copy(long to, long from, long bytes) {
    library.copy(engine, to, from, bytes);
  }

  /** Sets bytes of device memory to 0. */
  public void clear(long address, long bytes) {
    library.clear(engine, address, bytes);
  }

  /** Runs a pass and launches its kernels together when it ends. */
  public void step(Runnable pass) {
    library.beginStep(engine);
    try {
      pass.run();
    } finally {
      library.endStep(engine);
    }
  }

  @Override
  public MemorySegment allocate(long bytes) {
    long address = library.allocate(engine, bytes);
    try (Arena closed = Arena.ofConfined()) {
      return ofArena(address, bytes, closed);
    }
  }

  @SuppressWarnings("restricted")
  private static MemorySegment ofArena(long address, long bytes, Arena arena) {
    return MemorySegment.ofAddress(address).reinterpret(bytes, arena, null);
  }

  @Override
  public void free(MemorySegment segment) {
    library.free(engine, segment.address());
  }

  /** Returns whether a tensor is in host memory, where Java can read it. */
  public static boolean isOnHost(MemorySegment tensor) {
    return tensor.scope().isAlive();
  }

  /** Throws if the tensor is in host memory, because CUDA kernels write device memory only. */
  @Override
  public void requireWritable(String kernel, String name, MemorySegment tensor) {
    if (tensor.byteSize() > 0 && isOnHost(tensor)) {
      throw new IllegalArgumentException(
          kernel + ": " + name + " lies in the host's memory, but must be in the device's");
    }
  }

  /**
   * Returns a segment with the tensor's address only. A downcall would refuse the tensor itself
   * because its arena is closed.
   */
  @Override
  public MemorySegment argument(MemorySegment tensor) {
    return MemorySegment.ofAddress(tensor.address());
  }
}
