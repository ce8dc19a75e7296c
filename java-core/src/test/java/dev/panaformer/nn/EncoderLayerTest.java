package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.attention.RotaryTables;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.UnpackedWeight;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class EncoderLayerTest {
  private static final int HEADS = 4;
  private static final int HEAD_DIM = 6;
  private static final int HIDDEN = 20;
  private static final int[] LENGTHS = {1, 7, 65, 2, 300, 17};

  private final NativeMemory memory = new NativeMemory();
  private final Workspace workspace = new Workspace();
  private final Random random = new Random(5);

  @AfterEach
  void close() {
    workspace.close();
    memory.close();
  }

  static List<Named<Supplier<Kernels>>> kernels() {
    return TestKernels.all();
  }

  private MemorySegment noise(int count) {
    MemorySegment values = memory.allocate((long) count * Float.BYTES);
    for (int i = 0; i < count; i++) {
      values.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian() / 3);
    }
    return values;
  }

  private Linear linear(Kernels kernels, int out, int in, WeightFormat precision) {
    return new Linear(
        kernels
            .packing()
            .pack(new UnpackedWeight("w", noise(out * in), DType.F32, out, in), precision, memory),
        noise(out));
  }

  private LayerNorm norm() {
    return new LayerNorm(noise(HIDDEN), noise(HIDDEN), HIDDEN, 1e-5f);
  }

  private EncoderLayer layer(
      Kernels kernels,
      int kvHeads,
      Optional<RotaryTables> rotary,
      Optional<RelativePositions> relative,
      WeightFormat precision,
      NormPlacement placement) {
    int width = (HEADS + 2 * kvHeads) * HEAD_DIM;
    return new EncoderLayer(
        new SelfAttention(
            linear(kernels, width, HIDDEN, precision),
            linear(kernels, HIDDEN, HEADS * HEAD_DIM, precision),
            HEADS,
            kvHeads,
            HEAD_DIM,
            0.4f,
            rotary.map(tables -> Rotation.ofPacked(tables, HEADS, kvHeads, HEAD_DIM)),
            relative),
        norm(),
        FeedForward.plain(
            linear(kernels, 70, HIDDEN, precision),
            linear(kernels, HIDDEN, 70, precision),
            Activation.GELU_ERF),
        norm(),
        placement);
  }

  @ParameterizedTest
  @MethodSource("kernels")
  void theFirstTokensHaveTheBitsOfAFullPass(Supplier<Kernels> supplier) {
    RotaryTables rotary = new RotaryTables(noise(300 * 2), noise(300 * 2), 300, 4);
    float[] table = noise(HEADS * 11).asSlice(0, HEADS * 11 * Float.BYTES).toArray(JAVA_FLOAT);
    RelativePositions relative = new RelativePositions(table, HEADS, 5);
    try (Kernels kernels = supplier.get()) {
      for (NormPlacement placement : NormPlacement.values()) {
        for (WeightFormat precision : WeightFormat.values()) {
          check(
              kernels,
              layer(kernels, HEADS, Optional.empty(), Optional.empty(), precision, placement));
        }
        check(
            kernels,
            layer(kernels, 2, Optional.of(rotary), Optional.empty(), WeightFormat.FP32, placement));
        check(
            kernels,
            layer(
                kernels,
                HEADS,
                Optional.empty(),
                Optional.of(relative),
                WeightFormat.FP32,
                placement));
      }
    }
  }

  private void check(Kernels kernels, EncoderLayer layer) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int length : LENGTHS) {
      for (int t = 0; t < length; t++) {
        batch.add(0, t, 0);
      }
      batch.endSequence();
    }
    int floats = batch.tokens() * HIDDEN;
    MemorySegment x = noise(floats);
    MemorySegment all = memory.allocate((long) floats * Float.BYTES);
    MemorySegment some = memory.allocate((long) floats * Float.BYTES);
    all.copyFrom(x);
    layer.forward(Pass.of(kernels, workspace, batch, Trace.NONE), all);
    for (int count : new int[] {1, 2, 70}) {
      some.copyFrom(x);
      RowSelection queries = RowSelection.in(workspace).firstOf(batch, count);
      Pass pass = Pass.of(kernels, workspace, batch, queries, Trace.NONE);
      pass.enterLayer(0, 1);
      layer.forward(pass, some);
      for (int s = 0; s < batch.sequences(); s++) {
        assertArrayEquals(
            rows(all, batch.start(s), Math.min(count, LENGTHS[s])),
            rows(some, queries.lengths().start(s), queries.lengths().length(s)));
      }
    }
  }

  private static float[] rows(MemorySegment x, int first, int count) {
    float[] values = new float[count * HIDDEN];
    MemorySegment.copy(
        x, JAVA_FLOAT, (long) first * HIDDEN * Float.BYTES, values, 0, values.length);
    return values;
  }
}
