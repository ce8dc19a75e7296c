package dev.panaformer.kernel.linear;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.Reference;
import dev.panaformer.kernel.decoding.TopK;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.EmbeddingTables.Table;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.norm.NormWeights;
import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Low-precision weights, for every implementation of {@link Kernels}. */
class WeightFormatContractTest extends KernelContract {
  private static final MemorySegment NONE = MemorySegment.NULL;

  private final Kernels plain = new JavaKernels();

  /** All implementations pack the same bytes, from float32, float16 and bfloat16 alike. */
  @ParameterizedTest
  @EnumSource(names = "FP32", mode = EnumSource.Mode.EXCLUDE)
  void packs(WeightFormat precision) {
    int out = 70;
    int in = 150;
    MemorySegment half = arena.allocate(JAVA_SHORT, out * in);
    MemorySegment bf16 = arena.allocate(JAVA_SHORT, out * in);
    for (int i = 0; i < out * in; i++) {
      half.setAtIndex(JAVA_SHORT, i, Float.floatToFloat16(random.nextFloat() - 0.5f));
      bf16.setAtIndex(JAVA_SHORT, i, JavaPackedWeight.toBf16(random.nextFloat() - 0.5f));
    }
    for (int row = 7; row < out; row += 20) {
      half.asSlice(2L * row * in, 2L * in).fill((byte) 0);
    }
    samePacked(half, DType.F16, out, in, precision);
    samePacked(bf16, DType.BF16, out, in, precision);
    samePacked(noise(out * in), DType.F32, out, in, precision);
  }

  private void samePacked(
      MemorySegment weight, DType dtype, int out, int in, WeightFormat precision) {
    PackedWeight ours =
        kernels.packing().pack(new UnpackedWeight("w", weight, dtype, out, in), precision, arena);
    PackedWeight theirs =
        plain.packing().pack(new UnpackedWeight("w", weight, dtype, out, in), precision, arena);
    assertEquals(precision, ours.format());
    assertEquals(theirs.segment().byteSize(), ours.segment().byteSize());
    assertEquals(-1, ours.segment().mismatch(theirs.segment()), precision + " of " + dtype);
  }

  @Test
  void packsFloat32FromEveryKindOfFloats() {
    MemorySegment half = arena.allocate(JAVA_SHORT, 35);
    MemorySegment floats = arena.allocate(JAVA_FLOAT, 35);
    for (int i = 0; i < 35; i++) {
      half.setAtIndex(JAVA_SHORT, i, Float.floatToFloat16(random.nextFloat()));
      floats.setAtIndex(JAVA_FLOAT, i, Float.float16ToFloat(half.getAtIndex(JAVA_SHORT, i)));
    }
    PackedWeight ours =
        kernels
            .packing()
            .pack(new UnpackedWeight("w", half, DType.F16, 5, 7), WeightFormat.FP32, arena);
    PackedWeight theirs = kernels.packing().pack("w", floats, 5, 7, arena);
    assertEquals(-1, ours.segment().mismatch(theirs.segment()));
  }

  @ParameterizedTest
  @EnumSource(names = "FP32", mode = EnumSource.Mode.EXCLUDE)
  void linear(WeightFormat precision) {
    int[][] shapes = {{1, 1, 1}, {7, 17, 63}, {1, 197, 300}, {65, 70, 197}, {40, 33, 128}};
    for (int[] shape : shapes) {
      int tokens = shape[0];
      int out = shape[1];
      int in = shape[2];
      MemorySegment x = noise(tokens * in);
      MemorySegment w = noise(out * in);
      MemorySegment bias = noise(out);
      MemorySegment residual = noise(tokens * out);
      PackedWeight packed =
          kernels.packing().pack(new UnpackedWeight("w", w, DType.F32, out, in), precision, arena);
      for (Activation activation : List.of(Activation.NONE, Activation.GELU_ERF)) {
        MemorySegment y = arena.allocate(JAVA_FLOAT, (long) tokens * out);
        MemorySegment expected = arena.allocate(JAVA_FLOAT, (long) tokens * out);
        kernels
            .linear()
            .linear(x, new LinearWeights(packed, bias), residual, y, tokens, activation);
        plain
            .linear()
            .linear(x, new LinearWeights(packed, bias), residual, expected, tokens, activation);
        assertAllClose(expected, y, 1e-6 * in);
        if (activation == Activation.NONE) {
          resembles(precision, exact(x, w, bias, residual, tokens, out, in), y);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = "FP32", mode = EnumSource.Mode.EXCLUDE)
  void feedForward(WeightFormat precision) {
    int tokens = 40;
    int hidden = 64;
    int inner = 96;
    MemorySegment x = noise(tokens * hidden);
    PackedWeight up = pack(inner, hidden, precision);
    PackedWeight gate = pack(inner, hidden, precision);
    PackedWeight down = pack(hidden, inner, precision);
    MemorySegment y = arena.allocate(JAVA_FLOAT, (long) tokens * hidden);
    MemorySegment middle = arena.allocate(JAVA_FLOAT, (long) tokens * inner);
    MemorySegment expected = arena.allocate(JAVA_FLOAT, (long) tokens * hidden);
    kernels
        .linear()
        .feedForward(
            x,
            FeedForwardWeights.plain(
                new LinearWeights(up, NONE), new LinearWeights(down, NONE), Activation.RELU),
            x,
            y,
            tokens,
            workspace);
    kernels.linear().linear(x, new LinearWeights(up, NONE), NONE, middle, tokens, Activation.RELU);
    kernels
        .linear()
        .linear(middle, new LinearWeights(down, NONE), x, expected, tokens, Activation.NONE);
    assertEquals(-1, y.mismatch(expected));

    kernels
        .linear()
        .feedForward(
            x,
            FeedForwardWeights.gated(
                new LinearWeights(gate, NONE),
                new LinearWeights(up, NONE),
                new LinearWeights(down, NONE),
                Activation.SILU),
            x,
            y,
            tokens,
            workspace);
    MemorySegment gates = arena.allocate(JAVA_FLOAT, (long) tokens * inner);
    kernels.linear().linear(x, new LinearWeights(gate, NONE), NONE, gates, tokens, Activation.SILU);
    kernels.linear().linear(x, new LinearWeights(up, NONE), NONE, middle, tokens, Activation.NONE);
    for (int i = 0; i < tokens * inner; i++) {
      float product = middle.getAtIndex(JAVA_FLOAT, i) * gates.getAtIndex(JAVA_FLOAT, i);
      middle.setAtIndex(JAVA_FLOAT, i, product);
    }
    kernels
        .linear()
        .linear(middle, new LinearWeights(down, NONE), x, expected, tokens, Activation.NONE);
    assertAllClose(expected, y, 1e-3);
  }

  @ParameterizedTest
  @EnumSource(names = "FP32", mode = EnumSource.Mode.EXCLUDE)
  void linearTopK(WeightFormat precision) {
    int tokens = 3;
    int hidden = 70;
    int vocab = 300;
    PackedWeight head = pack(vocab, hidden, precision);
    MemorySegment x = noise(tokens * hidden);
    MemorySegment temperatures = arena.allocate(JAVA_FLOAT, tokens);
    for (int i = 0; i < tokens; i++) {
      temperatures.setAtIndex(JAVA_FLOAT, i, 1);
    }
    MemorySegment values = arena.allocate(JAVA_FLOAT, 5 * tokens);
    MemorySegment ids = arena.allocate(JAVA_INT, 5 * tokens);
    MemorySegment sums = arena.allocate(JAVA_FLOAT, tokens);
    kernels
        .decoding()
        .linearTopK(
            x,
            new LinearWeights(head, MemorySegment.NULL),
            temperatures,
            new TopK(values, ids, sums, 5),
            tokens,
            workspace);
    MemorySegment logits = arena.allocate(JAVA_FLOAT, (long) tokens * vocab);
    kernels
        .linear()
        .linear(x, new LinearWeights(head, NONE), NONE, logits, tokens, Activation.NONE);
    for (int i = 0; i < 5 * tokens; i++) {
      long at = (long) i / 5 * vocab + ids.getAtIndex(JAVA_INT, i);
      assertEquals(logits.getAtIndex(JAVA_FLOAT, at), values.getAtIndex(JAVA_FLOAT, i));
    }
  }

  /**
   * Word embeddings are read from a packed weight of any format. They are the values that the
   * packed codes represent.
   */
  @ParameterizedTest
  @EnumSource
  void embeddingOfPackedWords(WeightFormat precision) {
    int vocab = 45;
    int hidden = 70;
    MemorySegment table = noise(vocab * hidden);
    PackedWeight words =
        kernels
            .packing()
            .pack(new UnpackedWeight("words", table, DType.F32, vocab, hidden), precision, arena);
    PackedWeight same =
        plain
            .packing()
            .pack(new UnpackedWeight("words", table, DType.F32, vocab, hidden), precision, arena);
    EmbeddingTables tables =
        new EmbeddingTables(
                new Table(NONE, vocab),
                new Table(noise(9 * hidden), 9),
                Table.NONE,
                NormWeights.absent(hidden))
            .withWords(words, 2.5f);
    TokenBatch batch = workspace.batch();
    batch.clear();
    int[] ids = {0, 44, 31, 32, 7};
    for (int t = 0; t < ids.length; t++) {
      batch.add(ids[t], t, 0);
    }
    batch.endSequence();
    MemorySegment y = arena.allocate(JAVA_FLOAT, 5L * hidden);
    kernels.embedding().embedding(tables, batch, y, workspace);
    for (int t = 0; t < 5; t++) {
      float[] row = JavaPackedWeight.row(same, batch.ids().getAtIndex(JAVA_INT, t));
      long position = batch.positionIds().getAtIndex(JAVA_INT, t) * (long) hidden;
      for (int i = 0; i < hidden; i++) {
        float added = tables.positions().rows().getAtIndex(JAVA_FLOAT, position + i);
        float expected = row[i] * 2.5f + added;
        assertEquals(expected, y.getAtIndex(JAVA_FLOAT, (long) t * hidden + i), 1e-6);
      }
    }
    EmbeddingTables wrong =
        new EmbeddingTables(
                new Table(NONE, vocab + 1), Table.NONE, Table.NONE, NormWeights.absent(hidden))
            .withWords(words, 1);
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> kernels.embedding().embedding(wrong, batch, y, workspace));
    assertEquals(
        "embedding: packed words words [45, 70] in place of a table of [46, 70]", e.getMessage());
  }

  /**
   * In the layout for few rows, products with few and with many rows have the same bits as before.
   */
  @ParameterizedTest
  @EnumSource
  void forFewRowsItIsTheSameWeight(WeightFormat precision) {
    int out = 100;
    int in = 160;
    MemorySegment w = noise(out * in);
    w.asSlice(9L * in * Float.BYTES, (long) in * Float.BYTES).fill((byte) 0);
    PackedWeight packed =
        kernels.packing().pack(new UnpackedWeight("w", w, DType.F32, out, in), precision, arena);
    try (NativeMemory memory = NativeMemory.onHugePages()) {
      List<PackedWeight> forFew =
          List.of(
              kernels
                  .packing()
                  .packForFewRows(
                      new UnpackedWeight("w", w, DType.F32, out, in), precision, memory),
              kernels.packing().forFewRows(packed, memory),
              kernels
                  .packing()
                  .packForFewRows(
                      new UnpackedWeight("w", w, DType.F32, out, in), precision, memory));
      for (int tokens : new int[] {1, 8, 40}) {
        MemorySegment x = noise(tokens * in);
        MemorySegment expected = arena.allocate(JAVA_FLOAT, (long) tokens * out);
        kernels
            .linear()
            .linear(x, new LinearWeights(packed, NONE), NONE, expected, tokens, Activation.NONE);
        for (PackedWeight weight : forFew) {
          assertEquals(precision, weight.format());
          MemorySegment y = arena.allocate(JAVA_FLOAT, (long) tokens * out);
          kernels
              .linear()
              .linear(x, new LinearWeights(weight, NONE), NONE, y, tokens, Activation.NONE);
          assertEquals(-1, expected.mismatch(y), tokens + " tokens");
        }
      }
      assertThrows(
          IllegalArgumentException.class,
          () ->
              kernels
                  .packing()
                  .packForFewRows(
                      new UnpackedWeight("w", w, DType.F32, out, in + 1), precision, memory));
    }
  }

  /** A packed weight from another source is used as it is, or refused. */
  @Test
  void takesPackedWeightsAndRefusesOthers() {
    PackedWeight w = pack(40, 70, WeightFormat.INT8);
    PackedWeight again = kernels.packing().packed("w", w.segment(), 40, 70, WeightFormat.INT8);
    assertEquals(w, again);
    refused("w: not a packed weight [40, 70] in bf16", w.segment(), 70, WeightFormat.BF16);
    refused("w: not a packed weight [40, 69] in int8", w.segment(), 69, WeightFormat.INT8);
    long bytes = w.segment().byteSize();
    refused(
        "w: not a packed weight [40, 70] in int8",
        w.segment().asSlice(0, bytes - 1),
        70,
        WeightFormat.INT8);
    refused(
        "w: not a packed weight [40, 70] in int8", arena.allocate(8, 64), 70, WeightFormat.INT8);
    refused(
        "w: packed is on the heap, or not aligned to 64",
        MemorySegment.ofArray(new byte[(int) bytes]),
        70,
        WeightFormat.INT8);
    refused(
        "w: weights in fp32 are packed where they are used", w.segment(), 70, WeightFormat.FP32);
    refused("w: in is 70000, more than the 65536 of int8", w.segment(), 70000, WeightFormat.INT8);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            kernels
                .packing()
                .pack(
                    new UnpackedWeight("w", arena.allocate(9), DType.F16, 1, 5),
                    WeightFormat.BF16,
                    arena));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            kernels
                .packing()
                .pack(
                    new UnpackedWeight("w", arena.allocate(90), DType.I64, 1, 5),
                    WeightFormat.BF16,
                    arena));
  }

  private void refused(String message, MemorySegment packed, long in, WeightFormat precision) {
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () -> kernels.packing().packed("w", packed, 40, in, precision));
    assertEquals(message, e.getMessage());
  }

  /** Sums of codes are exact, so all implementations return the same floats as Java. */
  @Test
  void int8IsTheSameEverywhere() {
    int tokens = 20;
    PackedWeight w = pack(70, 200, WeightFormat.INT8);
    MemorySegment x = noise(tokens * 200);
    MemorySegment y = arena.allocate(JAVA_FLOAT, tokens * 70L);
    MemorySegment expected = arena.allocate(JAVA_FLOAT, tokens * 70L);
    kernels.linear().linear(x, new LinearWeights(w, NONE), NONE, y, tokens, Activation.NONE);
    plain.linear().linear(x, new LinearWeights(w, NONE), NONE, expected, tokens, Activation.NONE);
    assertArrayEquals(expected.toArray(ValueLayout.JAVA_FLOAT), y.toArray(ValueLayout.JAVA_FLOAT));
  }

  private PackedWeight pack(int out, int in, WeightFormat precision) {
    return kernels
        .packing()
        .pack(new UnpackedWeight("w", noise(out * in), DType.F32, out, in), precision, arena);
  }

  private MemorySegment noise(int count) {
    MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
    for (int i = 0; i < count; i++) {
      segment.setAtIndex(JAVA_FLOAT, i, random.nextFloat() * 2 - 1);
    }
    return segment;
  }

  private static double[] exact(
      MemorySegment x,
      MemorySegment w,
      MemorySegment bias,
      MemorySegment residual,
      int tokens,
      int out,
      int in) {
    double[] y =
        Reference.linear(
            x.toArray(JAVA_FLOAT),
            w.toArray(JAVA_FLOAT),
            bias.toArray(JAVA_FLOAT),
            tokens,
            out,
            in);
    for (int i = 0; i < y.length; i++) {
      y[i] += residual.getAtIndex(JAVA_FLOAT, i);
    }
    return y;
  }

  /**
   * Checks results against a tolerance far above the rounding errors of sums of independent values
   * below 1.
   */
  private static void resembles(WeightFormat precision, double[] expected, MemorySegment y) {
    double tolerance =
        switch (precision) {
          case FP32 -> 1e-6;
          case BF16 -> 0.01;
          case INT8 -> 0.02;
          case INT4, INT4_128 -> 0.25;
        };
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      error += Math.pow(y.getAtIndex(JAVA_FLOAT, i) - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    assertTrue(Math.sqrt(error / norm) < tolerance, precision + ": " + Math.sqrt(error / norm));
  }

  private static void assertAllClose(MemorySegment expected, MemorySegment y, double tolerance) {
    float[] e = expected.toArray(JAVA_FLOAT);
    float[] a = y.toArray(JAVA_FLOAT);
    for (int i = 0; i < e.length; i++) {
      assertEquals(e[i], a[i], tolerance * Math.max(1, Math.abs(e[i])), "element " + i);
    }
  }
}
