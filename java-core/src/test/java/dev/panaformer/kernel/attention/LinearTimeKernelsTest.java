package dev.panaformer.kernel.attention;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Reference;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention in linear time, for every implementation. */
class LinearTimeKernelsTest extends KernelContract {
  private static final int[] LENGTHS = {1, 7, 0, 63, 17};

  /** Returns sequences of these lengths in which every third token was masked out. */
  private TokenBatch batch(int... lengths) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int length : lengths) {
      for (int t = 0; t < length; t++) {
        batch.add(0, t + t / 2, 0);
      }
      batch.endSequence();
    }
    return batch;
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "2, 7, 17", "3, 32, 8", "1, 65, 63", "2, 64, 197", "1, 256, 5"})
  void linformerAttention(int heads, int headDim, int projected) {
    int positions = 95;
    TokenBatch batch = batch(LENGTHS);
    int row = heads * headDim;
    float[] qkv = random(batch.tokens() * 3 * row, 1);
    float[] keys = random(positions * projected, 0.2f);
    float[] values = random(positions * projected, 0.2f);
    float scale = (float) (1 / Math.sqrt(headDim));
    MemorySegment y = poisoned(batch.tokens() * row + 1);
    kernels
        .attention()
        .linformerAttention(
            segment(qkv),
            new LinformerShape(
                new SequenceProjections(segment(keys), segment(values), positions, projected),
                heads,
                headDim,
                scale),
            batch,
            y,
            workspace);
    for (int s = 0; s < LENGTHS.length; s++) {
      for (int h = 0; h < heads && LENGTHS[s] > 0; h++) {
        float[][] q = headRows(qkv, batch.start(s), LENGTHS[s], row, h * headDim, headDim);
        float[][] k = headRows(qkv, batch.start(s), LENGTHS[s], row, row + h * headDim, headDim);
        float[][] v =
            headRows(qkv, batch.start(s), LENGTHS[s], row, 2 * row + h * headDim, headDim);
        double[][] expected =
            Reference.attention(
                q,
                project(k, keys, projected),
                project(v, values, projected),
                new float[LENGTHS[s]][projected],
                scale,
                false);
        // Projected keys and values are sums of up to 63 products below 1/5 and are rounded once.
        assertRows(
            expected, y, batch.start(s), row, h * headDim, (projected + headDim) * 20 * FLOAT_ULP);
      }
    }
    assertTrue(Float.isNaN(at(y, batch.tokens() * row)), "written behind the last token");
  }

  private static float[][] project(float[][] x, float[] projection, int projected) {
    float[][] y = new float[projected][x[0].length];
    for (int i = 0; i < projected; i++) {
      for (int d = 0; d < x[0].length; d++) {
        double sum = 0;
        for (int t = 0; t < x.length; t++) {
          sum += (double) projection[(t + t / 2) * projected + i] * x[t][d];
        }
        y[i][d] = (float) sum;
      }
    }
    return y;
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "2, 7, 17", "3, 32, 8", "1, 65, 63", "2, 64, 40", "1, 256, 5"})
  void performerAttention(int heads, int headDim, int count) {
    TokenBatch batch = batch(LENGTHS);
    int row = heads * headDim;
    float[] qkv = random(batch.tokens() * 3 * row, 1);
    float[] weight = random(count * headDim, 1.7f);
    for (FeatureMap map : FeatureMap.values()) {
      for (boolean causal : new boolean[] {false, true}) {
        RandomFeatures features = RandomFeatures.of(map, segment(weight), count, headDim);
        MemorySegment y = poisoned(batch.tokens() * row + 1);
        kernels
            .attention()
            .performerAttention(
                segment(qkv), new PerformerShape(features, heads, causal), batch, y, workspace);
        for (int s = 0; s < LENGTHS.length; s++) {
          for (int h = 0; h < heads && LENGTHS[s] > 0; h++) {
            float[][] q = headRows(qkv, batch.start(s), LENGTHS[s], row, h * headDim, headDim);
            float[][] k =
                headRows(qkv, batch.start(s), LENGTHS[s], row, row + h * headDim, headDim);
            float[][] v =
                headRows(qkv, batch.start(s), LENGTHS[s], row, 2 * row + h * headDim, headDim);
            double[][] expected = performer(q, k, v, weight, features, causal);
            // Exponents are sums of headDim products below 2. With the softmax map the relative
            // error of a weight is the absolute error of its exponent.
            double tolerance = (headDim * 8 + count + 200) * FLOAT_ULP;
            assertRows(expected, y, batch.start(s), row, h * headDim, tolerance);
          }
        }
        assertTrue(Float.isNaN(at(y, batch.tokens() * row)), "written behind the last token");
      }
    }
  }

  /** The paper's definition, with a weight for each pair of a query and a key. */
  private static double[][] performer(
      float[][] q, float[][] k, float[][] v, float[] weight, RandomFeatures f, boolean causal) {
    double[][] y = new double[q.length][v[0].length];
    for (int i = 0; i < q.length; i++) {
      double sum = 0;
      for (int j = 0; j < (causal ? i + 1 : k.length); j++) {
        double a = 0;
        for (int r = 0; r < f.count(); r++) {
          a += feature(q[i], weight, r, f) * feature(k[j], weight, r, f);
        }
        sum += a;
        for (int d = 0; d < v[0].length; d++) {
          y[i][d] += a * v[j][d];
        }
      }
      for (int d = 0; d < v[0].length; d++) {
        y[i][d] /= sum;
      }
    }
    return y;
  }

  private static double feature(float[] x, float[] weight, int r, RandomFeatures f) {
    double product = 0;
    double square = 0;
    for (int d = 0; d < x.length; d++) {
      double scaled = (double) f.scale() * x[d];
      product += weight[r * x.length + d] * scaled;
      square += scaled * scaled;
    }
    return f.map() == FeatureMap.SOFTMAX
        ? Math.exp(product - square / 2)
        : Math.max(product, 0) + f.offset();
  }

  /** With exponents in the thousands, every result is still a mean of the values. */
  @Test
  void largeInputsStayFinite() {
    TokenBatch batch = batch(50);
    float[] qkv = random(50 * 3 * 16, 1);
    for (int i = 0; i < qkv.length; i++) {
      qkv[i] *= i % 48 < 32 ? 300f * (i / 48 + 1) : 1;
    }
    MemorySegment weight = segment(random(24 * 16, 1.7f));
    for (FeatureMap map : FeatureMap.values()) {
      for (boolean causal : new boolean[] {false, true}) {
        MemorySegment y = poisoned(50 * 16);
        RandomFeatures features = RandomFeatures.of(map, weight, 24, 16);
        kernels
            .attention()
            .performerAttention(
                segment(qkv), new PerformerShape(features, 1, causal), batch, y, workspace);
        for (int i = 0; i < 50 * 16; i++) {
          assertTrue(Math.abs(at(y, i)) <= 1.001f, map + " " + causal + ": " + at(y, i));
        }
      }
    }
  }

  @Test
  void aSequenceAloneHasTheBitsItHasInABatch() {
    int[] lengths = {40, 1, 90, 3};
    float[] qkv = random(134 * 3 * 32, 1);
    SequenceProjections projections =
        new SequenceProjections(
            segment(random(140 * 11, 1)), segment(random(140 * 11, 1)), 140, 11);
    MemorySegment weight = segment(random(24 * 16, 1.7f));
    MemorySegment together = poisoned(134 * 32);
    MemorySegment alone = poisoned(90 * 32);
    for (int kind = 0; kind < 5; kind++) {
      int which = kind;
      RandomFeatures features = RandomFeatures.of(FeatureMap.values()[kind % 2], weight, 24, 16);
      Attend attend =
          (x, batch, y) -> {
            if (which == 4) {
              kernels
                  .attention()
                  .linformerAttention(
                      x, new LinformerShape(projections, 2, 16, 0.25f), batch, y, workspace);
            } else {
              kernels
                  .attention()
                  .performerAttention(
                      x, new PerformerShape(features, 2, which > 1), batch, y, workspace);
            }
          };
      attend.run(segment(qkv), batch(lengths), together);
      int start = 0;
      for (int length : lengths) {
        float[] x = Arrays.copyOfRange(qkv, start * 96, (start + length) * 96);
        attend.run(segment(x), batch(length), alone);
        assertArrayEquals(
            together.asSlice(start * 32 * 4L, length * 32 * 4L).toArray(JAVA_FLOAT),
            alone.asSlice(0, length * 32 * 4L).toArray(JAVA_FLOAT));
        start += length;
      }
    }
  }

  private interface Attend {
    void run(MemorySegment x, TokenBatch batch, MemorySegment y);
  }

  @Test
  void linformerRefusesWhatDoesNotFit() {
    TokenBatch batch = batch(2, 3);
    MemorySegment x = segment(new float[5 * 3 * 8]);
    MemorySegment y = poisoned(5 * 8);
    MemorySegment projection = segment(new float[5 * 3]);
    SequenceProjections fitting = new SequenceProjections(projection, projection, 5, 3);
    refused(
        "linformerAttention: qkv has 40 floats, but [5, 24] float32 needs 120",
        () ->
            kernels
                .attention()
                .linformerAttention(y, new LinformerShape(fitting, 2, 4, 1), batch, y, workspace));
    refused(
        "linformerAttention: y overlaps qkv",
        () ->
            kernels
                .attention()
                .linformerAttention(x, new LinformerShape(fitting, 2, 4, 1), batch, x, workspace));
    refused(
        "linformerAttention: heads is 0, not in 1 to 2147483647",
        () ->
            kernels
                .attention()
                .linformerAttention(x, new LinformerShape(fitting, 0, 4, 1), batch, y, workspace));
    refused(
        "linformerAttention: headDim is 257, not in 1 to 256",
        () ->
            kernels
                .attention()
                .linformerAttention(
                    x, new LinformerShape(fitting, 2, 257, 1), batch, y, workspace));
    refused(
        "linformerAttention: keys has 15 floats, but [5, 4] float32 needs 20",
        () ->
            kernels
                .attention()
                .linformerAttention(
                    x,
                    new LinformerShape(
                        new SequenceProjections(projection, projection, 5, 4), 2, 4, 1),
                    batch,
                    y,
                    workspace));
    refused(
        "linformerAttention: heads * projected is 4294967294, not in 1 to 2147483647",
        () ->
            kernels
                .attention()
                .linformerAttention(
                    x,
                    new LinformerShape(
                        new SequenceProjections(projection, projection, 5, Integer.MAX_VALUE),
                        2,
                        4,
                        1),
                    batch,
                    y,
                    workspace));
    SequenceProjections few = new SequenceProjections(projection, projection, 3, 3);
    assertEquals(
        "linformerAttention: token 4 has position 3, but there are projections of 3",
        assertThrows(
                IndexOutOfBoundsException.class,
                () ->
                    kernels
                        .attention()
                        .linformerAttention(
                            x, new LinformerShape(few, 2, 4, 1), batch, y, workspace))
            .getMessage());
  }

  @Test
  void performerRefusesWhatDoesNotFit() {
    TokenBatch batch = batch(2, 3);
    MemorySegment x = segment(new float[5 * 3 * 8]);
    MemorySegment y = poisoned(5 * 8);
    MemorySegment weight = segment(new float[7 * 4]);
    RandomFeatures fitting = RandomFeatures.of(FeatureMap.RELU, weight, 7, 4);
    refused(
        "performerAttention: qkv has 40 floats, but [5, 24] float32 needs 120",
        () ->
            kernels
                .attention()
                .performerAttention(y, new PerformerShape(fitting, 2, false), batch, y, workspace));
    refused(
        "performerAttention: y has 40 floats, but [5, 12] float32 needs 60",
        () ->
            kernels
                .attention()
                .performerAttention(
                    segment(new float[300]),
                    new PerformerShape(fitting, 3, false),
                    batch,
                    y,
                    workspace));
    refused(
        "performerAttention: features has 28 floats, but [8, 4] float32 needs 32",
        () ->
            kernels
                .attention()
                .performerAttention(
                    x,
                    new PerformerShape(RandomFeatures.of(FeatureMap.RELU, weight, 8, 4), 2, false),
                    batch,
                    y,
                    workspace));
    refused(
        "performerAttention: features is 0, not in 1 to 2147483647",
        () ->
            kernels
                .attention()
                .performerAttention(
                    x,
                    new PerformerShape(RandomFeatures.of(FeatureMap.RELU, weight, 0, 4), 2, false),
                    batch,
                    y,
                    workspace));
    refused(
        "performerAttention: offset is -1.0, not at least 0",
        () ->
            kernels
                .attention()
                .performerAttention(
                    x,
                    new PerformerShape(
                        new RandomFeatures(weight, 7, 4, FeatureMap.RELU, 1, -1), 2, false),
                    batch,
                    y,
                    workspace));
  }

  private static float[][] headRows(
      float[] qkv, int first, int length, int row, int offset, int headDim) {
    float[][] rows = new float[length][];
    for (int t = 0; t < length; t++) {
      int from = (first + t) * 3 * row + offset;
      rows[t] = Arrays.copyOfRange(qkv, from, from + headDim);
    }
    return rows;
  }

  private static void assertRows(
      double[][] expected, MemorySegment y, int first, int row, int offset, double tolerance) {
    for (int t = 0; t < expected.length; t++) {
      for (int d = 0; d < expected[t].length; d++) {
        float actual = at(y, (long) (first + t) * row + offset + d);
        assertEquals(expected[t][d], actual, tolerance, "token " + t + ", feature " + d);
      }
    }
  }

  private float[] random(int count, float scale) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = scale * (random.nextFloat() * 2 - 1);
    }
    return values;
  }

  private MemorySegment poisoned(int count) {
    float[] poison = new float[count];
    Arrays.fill(poison, Float.NaN);
    return segment(poison);
  }

  private static float at(MemorySegment y, long index) {
    return y.getAtIndex(JAVA_FLOAT, index);
  }
}
