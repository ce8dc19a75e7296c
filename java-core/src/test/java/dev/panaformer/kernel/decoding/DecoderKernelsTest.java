package dev.panaformer.kernel.decoding;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.attention.RotaryTables;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.FeedForwardWeights;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Kernels that only decoders use, for every implementation. */
class DecoderKernelsTest extends KernelContract {
  private static final int HEADS = 6;

  private static final int KV_HEADS = 2;

  private static final int HEAD_DIM = 20;

  private static final int ROW = (HEADS + 2 * KV_HEADS) * HEAD_DIM;

  private static final int CONTEXT_ROW = HEADS * HEAD_DIM;

  private MemorySegment gaussian(long count) {
    return gaussian(count, 1);
  }

  private MemorySegment gaussian(long count, double deviation) {
    MemorySegment segment = arena.allocate(count * Float.BYTES, 64);
    for (long i = 0; i < count; i++) {
      segment.setAtIndex(JAVA_FLOAT, i, (float) (deviation * random.nextGaussian()));
    }
    return segment;
  }

  private static float[] array(MemorySegment segment, int count) {
    return Arrays.copyOf(segment.toArray(JAVA_FLOAT), count);
  }

  private static void assertClose(float[] expected, float[] actual, double tolerance) {
    for (int i = 0; i < expected.length; i++) {
      double allowed = tolerance * Math.max(1, Math.abs(expected[i]));
      assertEquals(expected[i], actual[i], allowed, "element " + i);
    }
  }

  private static float[] dense(float[] qkv, int tokens, long window) {
    float[] y = new float[tokens * CONTEXT_ROW];
    for (int i = 0; i < tokens; i++) {
      int first = window == 0 ? 0 : (int) Math.max(0, i - window + 1);
      for (int h = 0; h < HEADS; h++) {
        int kv = (HEADS + h / (HEADS / KV_HEADS)) * HEAD_DIM;
        double[] weights = new double[i + 1];
        double sum = 0;
        for (int j = first; j <= i; j++) {
          double score = 0;
          for (int d = 0; d < HEAD_DIM; d++) {
            score += (double) qkv[i * ROW + h * HEAD_DIM + d] * qkv[j * ROW + kv + d];
          }
          weights[j] = Math.exp(0.2 * score);
          sum += weights[j];
        }
        for (int d = 0; d < HEAD_DIM; d++) {
          double mixed = 0;
          for (int j = first; j <= i; j++) {
            mixed += weights[j] / sum * qkv[j * ROW + kv + KV_HEADS * HEAD_DIM + d];
          }
          y[i * CONTEXT_ROW + h * HEAD_DIM + d] = (float) mixed;
        }
      }
    }
    return y;
  }

  /**
   * Returns the results of attention for a sequence's tokens when it is processed in pieces of
   * these lengths.
   */
  private float[] inPieces(
      Kernels kernels, MemorySegment qkv, long window, KvCache cache, int... pieces) {
    int tokens = IntStream.of(pieces).sum();
    float[] context = new float[tokens * CONTEXT_ROW];
    int done = 0;
    try (KvCache.Sequence sequence = cache.open();
        KvCache.Sequence other = cache.open();
        DecoderBatch batch = new DecoderBatch()) {
      for (int piece : pieces) {
        batch.clear();
        // Another sequence with one token comes before it in the batch.
        batch.add(other, new int[1], 0, 1);
        batch.add(sequence, new int[piece], 0, piece);
        MemorySegment rows = gaussian((long) (piece + 1) * ROW);
        MemorySegment.copy(qkv, done * ROW * 4L, rows, ROW * 4L, piece * ROW * 4L);
        MemorySegment y = gaussian((long) (piece + 1) * CONTEXT_ROW);
        kernels.decoding().kvStore(rows, HEADS * HEAD_DIM, ROW, batch, cache.layer(1), workspace);
        kernels
            .decoding()
            .pagedAttention(
                CachedAttention.in(workspace)
                    .of(HEADS, 0.2f)
                    .window(window)
                    .over(batch, cache.layer(1))
                    .query(rows, ROW)
                    .output(y),
                workspace);
        MemorySegment.copy(
            y, JAVA_FLOAT, CONTEXT_ROW * 4L, context, done * CONTEXT_ROW, piece * CONTEXT_ROW);
        done += piece;
      }
    }
    return context;
  }

  @Test
  void attentionOverThePagedCacheIsThatOfAllTokensAtOnce() {
    MemorySegment qkv = gaussian(37L * ROW);
    try (KvCache cache = new KvCache(2, KV_HEADS, HEAD_DIM, 16, 5)) {
      for (long window : new long[] {0, 7, 100}) {
        float[] whole = inPieces(kernels, qkv, window, cache, 37);
        assertClose(dense(array(qkv, 37 * ROW), 37, window), whole, 2e-6);
        int[] single = new int[37];
        Arrays.fill(single, 1);
        assertArrayEquals(whole, inPieces(kernels, qkv, window, cache, single));
        assertArrayEquals(whole, inPieces(kernels, qkv, window, cache, 3, 17, 1, 16));
      }
      assertEquals(16, cache.freeBlocks());
    }
  }

  @Test
  void whatDoesNotFitTheCacheIsRefusedBeforeItIsTouched() {
    try (KvCache cache = new KvCache(2, KV_HEADS, HEAD_DIM, 4, 5);
        KvCache.Sequence sequence = cache.open();
        DecoderBatch batch = new DecoderBatch()) {
      batch.add(sequence, new int[3], 0, 3);
      MemorySegment qkv = gaussian(3L * ROW);
      MemorySegment y = gaussian(3L * CONTEXT_ROW);
      MemorySegment shortRows = qkv.asSlice(0, 3L * ROW * Float.BYTES - 4);
      MemorySegment shortY = y.asSlice(0, 3L * CONTEXT_ROW * Float.BYTES - 4);
      long keys = HEADS * HEAD_DIM;
      float[] cached = cache.layer(1).memory().toArray(JAVA_FLOAT);
      assertRefused(
          "kvStore: x",
          () -> kernels.decoding().kvStore(shortRows, keys, ROW, batch, cache.layer(1), workspace));
      assertRefused(
          "kvStore: rows of",
          () -> kernels.decoding().kvStore(qkv, keys, ROW - 1, batch, cache.layer(1), workspace));
      assertRefused(
          "kvStore: keys begin at -1",
          () -> kernels.decoding().kvStore(qkv, -1, ROW, batch, cache.layer(1), workspace));
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> kernels.decoding().kvStore(qkv, keys, ROW, batch, cache.layer(2), workspace));
      assertArrayEquals(cached, cache.layer(1).memory().toArray(JAVA_FLOAT));

      float[] before = y.toArray(JAVA_FLOAT);
      assertRefused(
          "pagedAttention: y", () -> attend(kernels, qkv, ROW, shortY, batch, cache, HEADS, 0));
      assertRefused(
          "pagedAttention: rows of",
          () -> attend(kernels, qkv, CONTEXT_ROW - 1, y, batch, cache, HEADS, 0));
      assertRefused(
          "2 kvHeads do not divide 5 heads",
          () -> attend(kernels, qkv, ROW, y, batch, cache, 5, 0));
      assertRefused("window", () -> attend(kernels, qkv, ROW, y, batch, cache, HEADS, -1));
      assertRefused("overlaps", () -> attend(kernels, qkv, ROW, qkv, batch, cache, HEADS, 0));
      assertArrayEquals(before, y.toArray(JAVA_FLOAT));
    }
  }

  private void attend(
      Kernels kernels,
      MemorySegment q,
      long stride,
      MemorySegment y,
      DecoderBatch batch,
      KvCache cache,
      long heads,
      long window) {
    kernels
        .decoding()
        .pagedAttention(
            CachedAttention.in(workspace)
                .of(heads, 0.2f)
                .window(window)
                .over(batch, cache.layer(1))
                .query(q, stride)
                .output(y),
            workspace);
  }

  private static void assertRefused(String expected, Executable call) {
    String message = assertThrows(IllegalArgumentException.class, call).getMessage();
    assertTrue(message.contains(expected), message);
  }

  @Test
  void rotaryPositionsTurnPairsOfHalves() {
    int half = 8;
    MemorySegment cos = arena.allocate(40L * half * 4, 64);
    MemorySegment sin = arena.allocate(40L * half * 4, 64);
    for (int i = 0; i < 40 * half; i++) {
      double angle = i / half * Math.pow(100, -(double) (i % half) / half);
      cos.setAtIndex(JAVA_FLOAT, i, (float) Math.cos(angle));
      sin.setAtIndex(JAVA_FLOAT, i, (float) Math.sin(angle));
    }
    RotaryTables tables = new RotaryTables(cos, sin, 40, 2 * half);
    int heads = 3;
    int row = heads * HEAD_DIM + 5;
    try (TokenBatch batch = new TokenBatch()) {
      for (int position : new int[] {0, 39, 7}) {
        batch.add(0, position, 0);
      }
      batch.endSequence();
      MemorySegment x = gaussian(3L * row);
      float[] before = array(x, 3 * row);
      kernels.attention().rope(new Rotation(tables, heads, row, HEAD_DIM), x, batch, workspace);
      float[] expected = before.clone();
      for (int t = 0; t < 3; t++) {
        int angles = batch.positionIds().getAtIndex(JAVA_INT, t) * half;
        for (int h = 0; h < heads; h++) {
          for (int i = 0; i < half; i++) {
            int a = t * row + h * HEAD_DIM + i;
            double c = cos.getAtIndex(JAVA_FLOAT, angles + i);
            double s = sin.getAtIndex(JAVA_FLOAT, angles + i);
            expected[a] = (float) (before[a] * c - before[a + half] * s);
            expected[a + half] = (float) (before[a + half] * c + before[a] * s);
          }
        }
      }
      assertClose(expected, array(x, 3 * row), 1e-6);
      batch.clear();
      batch.add(0, 40, 0);
      batch.endSequence();
      assertThrows(
          IndexOutOfBoundsException.class,
          () ->
              kernels
                  .attention()
                  .rope(new Rotation(tables, heads, row, HEAD_DIM), x, batch, workspace));
    }
  }

  @Test
  void aGateMultipliesWhatGoesUp() {
    int tokens = 11;
    int hidden = 50;
    int inner = 67;
    MemorySegment x = gaussian(tokens * hidden);
    MemorySegment[] w = {
      gaussian(inner * hidden, 0.1), gaussian(inner * hidden, 0.1), gaussian(hidden * inner, 0.1)
    };
    MemorySegment[] biases = {gaussian(inner), gaussian(inner), gaussian(hidden)};
    MemorySegment y = gaussian(tokens * hidden);
    float[] expected = array(y, tokens * hidden);
    for (int t = 0; t < tokens; t++) {
      double[] product = new double[inner];
      for (int j = 0; j < inner; j++) {
        double gate = biases[0].getAtIndex(JAVA_FLOAT, j);
        double up = biases[1].getAtIndex(JAVA_FLOAT, j);
        for (int i = 0; i < hidden; i++) {
          double value = x.getAtIndex(JAVA_FLOAT, t * hidden + i);
          gate += value * w[0].getAtIndex(JAVA_FLOAT, j * hidden + i);
          up += value * w[1].getAtIndex(JAVA_FLOAT, j * hidden + i);
        }
        product[j] = gate / (1 + Math.exp(-gate)) * up;
      }
      for (int i = 0; i < hidden; i++) {
        double sum = expected[t * hidden + i] + biases[2].getAtIndex(JAVA_FLOAT, i);
        for (int j = 0; j < inner; j++) {
          sum += product[j] * w[2].getAtIndex(JAVA_FLOAT, i * inner + j);
        }
        expected[t * hidden + i] = (float) sum;
      }
    }
    PackedWeight gate = kernels.packing().pack("gate", w[0], inner, hidden, arena);
    PackedWeight up = kernels.packing().pack("up", w[1], inner, hidden, arena);
    PackedWeight down = kernels.packing().pack("down", w[2], hidden, inner, arena);
    kernels
        .linear()
        .feedForward(
            x,
            FeedForwardWeights.gated(
                new LinearWeights(gate, biases[0]),
                new LinearWeights(up, biases[1]),
                new LinearWeights(down, biases[2]),
                Activation.SILU),
            y,
            y,
            tokens,
            workspace);
    assertClose(expected, array(y, tokens * hidden), 3e-6);
    MemorySegment none = MemorySegment.NULL;
    assertThrows(
        IllegalArgumentException.class,
        () ->
            kernels
                .linear()
                .feedForward(
                    x,
                    FeedForwardWeights.gated(
                        new LinearWeights(down, none),
                        new LinearWeights(up, none),
                        new LinearWeights(down, none),
                        Activation.SILU),
                    y,
                    y,
                    tokens,
                    workspace));
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                kernels
                    .linear()
                    .feedForward(
                        x,
                        FeedForwardWeights.gated(
                            new LinearWeights(gate, biases[0].asSlice(4)),
                            new LinearWeights(up, none),
                            new LinearWeights(down, none),
                            Activation.SILU),
                        y,
                        y,
                        tokens,
                        workspace));
    assertTrue(e.getMessage().contains("gateBias"), e.getMessage());
  }

  @Test
  void theBestTokensAreTheSameFromHiddenStatesAndFromLogits() {
    int rows = 5;
    int hidden = 24;
    int vocabulary = 3001;
    MemorySegment x = gaussian(rows * hidden);
    MemorySegment weight = gaussian(vocabulary * hidden);
    MemorySegment.copy(weight, 100L * hidden * 4, weight, 2000L * hidden * 4, hidden * 4L);
    MemorySegment inverse = arena.allocate(rows * 4, 64);
    for (int row = 0; row < rows; row++) {
      inverse.setAtIndex(JAVA_FLOAT, row, 0.5f + row);
    }
    MemorySegment logits = gaussian((long) rows * vocabulary);
    PackedWeight head = kernels.packing().pack("head", weight, vocabulary, hidden, arena);
    kernels
        .linear()
        .linear(
            x,
            new LinearWeights(head, MemorySegment.NULL),
            MemorySegment.NULL,
            logits,
            rows,
            Activation.NONE);
    for (int count : new int[] {1, 7, 64, vocabulary}) {
      MemorySegment[] a = results(rows, count);
      MemorySegment[] b = results(rows, count);
      kernels.decoding().topK(logits, inverse, new TopK(a[0], a[1], a[2], count), rows, vocabulary);
      kernels
          .decoding()
          .linearTopK(
              x,
              new LinearWeights(head, MemorySegment.NULL),
              inverse,
              new TopK(b[0], b[1], b[2], count),
              rows,
              workspace);
      for (int i = 0; i < 3; i++) {
        assertEquals(-1, a[i].mismatch(b[i]), "result " + i + " of " + count);
      }
      Optional<Screen> screen = kernels.decoding().screen(head, arena);
      assertEquals(kernels instanceof NativeKernels, screen.isPresent());
      for (Optional<Screen> by : List.of(screen, Optional.<Screen>empty())) {
        MemorySegment[] c = results(rows, count);
        long computed =
            kernels
                .decoding()
                .linearBest(
                    x,
                    new LinearWeights(head, MemorySegment.NULL),
                    by,
                    new TopK(c[0], c[1], MemorySegment.NULL, count),
                    rows,
                    workspace);
        assertTrue(
            count == 1 && by.isPresent() ? computed < vocabulary / 4 : computed <= vocabulary);
        assertEquals(-1, a[0].mismatch(c[0]), "values, by " + by);
        assertEquals(-1, a[1].mismatch(c[1]), "ids, by " + by);
      }
      for (int row = 0; row < rows; row++) {
        assertBest(array(logits, rows * vocabulary), row, vocabulary, count, inverse, a);
      }
    }
    logits.setAtIndex(JAVA_FLOAT, 2 * vocabulary + 17, Float.NaN);
    MemorySegment[] r = results(rows, 3);
    kernels.decoding().topK(logits, inverse, new TopK(r[0], r[1], r[2], 3), rows, vocabulary);
    for (int i = 0; i < 3; i++) {
      assertEquals(-1, r[1].getAtIndex(JAVA_INT, 2 * 3 + i));
      assertTrue(Float.isNaN(r[0].getAtIndex(JAVA_FLOAT, 2 * 3 + i)));
    }
    assertTrue(r[1].getAtIndex(JAVA_INT, 3 * 3) >= 0);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            kernels
                .decoding()
                .topK(logits, inverse, new TopK(r[0], r[1], r[2], 0), rows, vocabulary));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            kernels
                .decoding()
                .topK(logits, inverse, new TopK(r[0], r[1], r[2], 4), rows, vocabulary));
    inverse.setAtIndex(JAVA_FLOAT, 0, 0);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            kernels
                .decoding()
                .topK(logits, inverse, new TopK(r[0], r[1], r[2], 3), rows, vocabulary));
  }

  @Test
  void theScreenOfAnotherWeightIsRefused() {
    PackedWeight head = kernels.packing().pack("head", gaussian(30 * 24), 30, 24, arena);
    Optional<Screen> other = Optional.of(new Screen(arena.allocate(64), 30, 23));
    MemorySegment[] r = results(1, 3);
    MemorySegment none = MemorySegment.NULL;
    Exception e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                kernels
                    .decoding()
                    .linearBest(
                        gaussian(24),
                        new LinearWeights(head, none),
                        other,
                        new TopK(r[0], r[1], MemorySegment.NULL, 3),
                        1,
                        workspace));
    assertTrue(e.getMessage().contains("[30, 23], expected one of head [30, 24]"));
  }

  private MemorySegment[] results(int rows, int count) {
    return new MemorySegment[] {
      arena.allocate((long) rows * count * 4, 64),
      arena.allocate((long) rows * count * 4, 64),
      arena.allocate(rows * 4L, 64)
    };
  }

  private static void assertBest(
      float[] logits,
      int row,
      int vocabulary,
      int count,
      MemorySegment inverse,
      MemorySegment[] results) {
    int start = row * vocabulary;
    int[] order =
        IntStream.range(0, vocabulary)
            .boxed()
            .sorted((a, b) -> Float.compare(logits[start + b], logits[start + a]))
            .mapToInt(id -> id)
            .toArray();
    double sum = 0;
    double scale = inverse.getAtIndex(JAVA_FLOAT, row);
    double max = logits[start + order[0]];
    for (int id = 0; id < vocabulary; id++) {
      sum += Math.exp((logits[start + id] - max) * scale);
    }
    for (int i = 0; i < count; i++) {
      assertEquals(order[i], results[1].getAtIndex(JAVA_INT, row * count + i));
      assertEquals(logits[start + order[i]], results[0].getAtIndex(JAVA_FLOAT, row * count + i));
    }
    double expected = max * scale + Math.log(sum);
    assertEquals(
        expected, results[2].getAtIndex(JAVA_FLOAT, row), 2e-6 * Math.max(1, Math.abs(expected)));
  }
}
