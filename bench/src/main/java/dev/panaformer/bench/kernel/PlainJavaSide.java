package dev.panaformer.bench.kernel;

import java.util.Arrays;

/**
 * Kernels in float, written for the auto-vectoriser of HotSpot's C2. Loops run over neighbouring
 * outputs, because C2 must not reorder sums. Every row is an array of its own, so that all accesses
 * in a loop use the same index: before JDK 26, C2 does not vectorise loops that access arrays at
 * different offsets. The exponential is a polynomial.
 */
final class PlainJavaSide implements KernelSide {
  /**
   * The number of tokens whose outputs stay in the L1 cache while four rows of weights are read.
   */
  private static final int TOKEN_BLOCK = 8;

  private final KernelInputs in;
  private final float[][] square; // [in, out], like up and down
  private final float[][] up;
  private final float[][] down;
  private final float[] y;
  private final float[] intermediate;
  private final float[][] sums; // [TOKEN_BLOCK, largest out]
  private final float[][] queries; // [headDim, rows], of one head; rows are tokens or features
  private final float[][] scores; // [keys, queries], of one head
  private final float[][] context; // [headDim, rows], of one head
  private final float[] max; // [rows]
  private final float[] total; // [rows]
  private final float[] bias; // [rows]
  private final float[][] keyProjection; // [POSITIONS, PROJECTED]
  private final float[][] valueProjection; // [POSITIONS, PROJECTED]
  private final float[] projectedKeys; // [PROJECTED, headDim]
  private final float[] projectedValues; // [PROJECTED, headDim]

  PlainJavaSide(KernelInputs in) {
    this.in = in;
    square = transposed(in.square, in.hidden, in.hidden);
    up = transposed(in.up, in.intermediate, in.hidden);
    down = transposed(in.down, in.hidden, in.intermediate);
    y = new float[in.largestOutput()];
    intermediate = new float[in.tokens * in.intermediate];
    sums = new float[TOKEN_BLOCK][Math.max(in.hidden, in.intermediate)];
    int rows = Math.max(in.tokens, KernelInputs.PROJECTED);
    queries = new float[in.headDim()][rows];
    scores = new float[rows][rows];
    context = new float[in.headDim()][rows];
    max = new float[rows];
    total = new float[rows];
    bias = new float[rows];
    keyProjection = rows(in.keyProjection);
    valueProjection = rows(in.valueProjection);
    projectedKeys = new float[KernelInputs.PROJECTED * in.headDim()];
    projectedValues = new float[KernelInputs.PROJECTED * in.headDim()];
  }

  private static float[][] rows(float[] projection) {
    float[][] rows = new float[KernelInputs.POSITIONS][];
    for (int i = 0; i < rows.length; i++) {
      int start = i * KernelInputs.PROJECTED;
      rows[i] = Arrays.copyOfRange(projection, start, start + KernelInputs.PROJECTED);
    }
    return rows;
  }

  private static float[][] transposed(float[] weight, int rows, int columns) {
    float[][] result = new float[columns][rows];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        result[j][i] = weight[i * columns + j];
      }
    }
    return result;
  }

  @Override
  public void linear() {
    linear(in.x, square, in.bias, y);
  }

  @Override
  public void feedForward() {
    linear(in.x, up, in.upBias, intermediate);
    gelu(intermediate, intermediate, in.tokens * in.intermediate);
    linear(intermediate, down, in.bias, y);
    for (int i = 0; i < in.tokens * in.hidden; i++) {
      y[i] += in.residual[i];
    }
  }

  private void linear(float[] x, float[][] weight, float[] bias, float[] y) {
    int features = weight.length;
    int out = bias.length;
    for (int first = 0; first < in.tokens; first += TOKEN_BLOCK) {
      int end = Math.min(in.tokens, first + TOKEN_BLOCK);
      for (int t = first; t < end; t++) {
        System.arraycopy(bias, 0, sums[t - first], 0, out);
      }
      for (int k = 0; k < features; k += 4) {
        for (int t = first; t < end; t++) {
          addFour(x, t * features + k, 1, weight, k, sums[t - first], out);
        }
      }
      for (int t = first; t < end; t++) {
        System.arraycopy(sums[t - first], 0, y, t * out, out);
      }
    }
  }

  /**
   * {@code y += x0 w0 + x1 w1 + x2 w2 + x3 w3} for the rows from {@code row} on, of which there may
   * be fewer than four. Each y is loaded and stored once for four products.
   */
  private static void addFour(
      float[] x, int start, int stride, float[][] w, int row, float[] y, int count) {
    if (row + 3 < w.length) {
      addFour(
          x[start],
          x[start + stride],
          x[start + 2 * stride],
          x[start + 3 * stride],
          w[row],
          w[row + 1],
          w[row + 2],
          w[row + 3],
          y,
          count);
    } else {
      for (int i = row; i < w.length; i++) {
        add(x[start + (i - row) * stride], w[i], y, count);
      }
    }
  }

  private static void addFour(
      float x0,
      float x1,
      float x2,
      float x3,
      float[] w0,
      float[] w1,
      float[] w2,
      float[] w3,
      float[] y,
      int count) {
    for (int j = 0; j < count; j++) {
      float sum = Math.fma(x0, w0[j], y[j]);
      sum = Math.fma(x1, w1[j], sum);
      sum = Math.fma(x2, w2[j], sum);
      y[j] = Math.fma(x3, w3[j], sum);
    }
  }

  private static void add(float x, float[] w, float[] y, int count) {
    for (int j = 0; j < count; j++) {
      y[j] = Math.fma(x, w[j], y[j]);
    }
  }

  /**
   * The rows of an array. The first begins at {@code start}, and they are {@code row} floats apart.
   */
  private record Rows(float[] values, int start, int row) {}

  private Rows queries(int start, int head) {
    return new Rows(in.qkv, start * 3 * in.hidden + head * in.headDim(), 3 * in.hidden);
  }

  private Rows keys(int start, int head) {
    return new Rows(in.qkv, queries(start, head).start + in.hidden, 3 * in.hidden);
  }

  private Rows values(int start, int head) {
    return new Rows(in.qkv, queries(start, head).start + 2 * in.hidden, 3 * in.hidden);
  }

  @Override
  public void attention() {
    int start = 0;
    for (int length : in.lengths) {
      for (int head = 0; head < in.heads; head++) {
        Rows q = queries(start, head);
        attend(
            q, length, in.attentionScale(), keys(start, head), values(start, head), length, null);
        mixed(y, start * in.hidden + head * in.headDim(), in.hidden, length);
      }
      start += length;
    }
  }

  @Override
  public void linformerAttention() {
    int start = 0;
    for (int length : in.lengths) {
      for (int head = 0; head < in.heads; head++) {
        project(keys(start, head), length, keyProjection, projectedKeys);
        project(values(start, head), length, valueProjection, projectedValues);
        Rows k = new Rows(projectedKeys, 0, in.headDim());
        Rows v = new Rows(projectedValues, 0, in.headDim());
        Rows q = queries(start, head);
        attend(q, length, in.attentionScale(), k, v, KernelInputs.PROJECTED, null);
        mixed(y, start * in.hidden + head * in.headDim(), in.hidden, length);
      }
      start += length;
    }
  }

  /** Projects rows to {@code [PROJECTED, headDim]}. Loops run over the projected rows. */
  private void project(Rows x, int length, float[][] projection, float[] y) {
    for (int d = 0; d < in.headDim(); d++) {
      Arrays.fill(context[d], 0, KernelInputs.PROJECTED, 0);
    }
    for (int t = 0; t < length; t += 4) {
      for (int d = 0; d < in.headDim(); d++) {
        int at = x.start + t * x.row + d;
        addUpToFour(x.values, at, x.row, projection, t, length, context[d], KernelInputs.PROJECTED);
      }
    }
    for (int d = 0; d < in.headDim(); d++) {
      for (int i = 0; i < KernelInputs.PROJECTED; i++) {
        y[i * in.headDim() + d] = context[d][i];
      }
    }
  }

  /**
   * Computes attention in two steps: the features attend to the keys, then the queries attend to
   * the features. The logarithm of the sum of a feature's weights is the bias of the second step.
   */
  @Override
  public void performerAttention() {
    float scale = in.featureScale();
    Rows features = new Rows(in.randomFeatures, 0, in.headDim());
    Rows seen = new Rows(projectedValues, 0, in.headDim());
    int start = 0;
    for (int length : in.lengths) {
      for (int head = 0; head < in.heads; head++) {
        Rows k = keys(start, head);
        for (int j = 0; j < length; j++) {
          bias[j] =
              -0.5f * scale * scale * sumOfSquares(k.values, k.start + j * k.row, in.headDim());
        }
        int count = KernelInputs.PROJECTED;
        attend(features, count, scale, k, values(start, head), length, bias);
        mixed(projectedValues, 0, in.headDim(), count);
        for (int r = 0; r < count; r++) {
          bias[r] = max[r] + (float) Math.log(total[r]);
        }
        attend(queries(start, head), length, scale, features, seen, count, bias);
        mixed(y, start * in.hidden + head * in.headDim(), in.hidden, length);
      }
      start += length;
    }
  }

  /**
   * Computes the attention of one head. Loops run over the queries. The results are unnormalised
   * sums, which {@link #mixed} divides.
   */
  private void attend(Rows q, int count, float scale, Rows k, Rows v, int keyCount, float[] bias) {
    for (int d = 0; d < in.headDim(); d++) {
      for (int i = 0; i < count; i++) {
        queries[d][i] = q.values[q.start + i * q.row + d] * scale;
      }
    }
    Arrays.fill(max, 0, count, Float.NEGATIVE_INFINITY);
    for (int j = 0; j < keyCount; j++) {
      Arrays.fill(scores[j], 0, count, bias == null ? 0 : bias[j]);
      for (int d = 0; d < in.headDim(); d += 4) {
        addFour(k.values, k.start + j * k.row + d, 1, queries, d, scores[j], count);
      }
      raise(max, scores[j], count);
    }
    Arrays.fill(total, 0, count, 0);
    for (int j = 0; j < keyCount; j++) {
      exponentials(scores[j], max, total, count);
    }
    for (int d = 0; d < in.headDim(); d++) {
      Arrays.fill(context[d], 0, count, 0);
    }
    for (int j = 0; j < keyCount; j += 4) {
      for (int d = 0; d < in.headDim(); d++) {
        int at = v.start + j * v.row + d;
        addUpToFour(v.values, at, v.row, scores, j, keyCount, context[d], count);
      }
    }
  }

  /** {@link #addFour} for the rows below {@code end}. */
  private static void addUpToFour(
      float[] x, int start, int stride, float[][] w, int row, int end, float[] y, int count) {
    if (row + 4 <= end) {
      addFour(x, start, stride, w, row, y, count);
      return;
    }
    for (int i = row; i < end; i++) {
      add(x[start + (i - row) * stride], w[i], y, count);
    }
  }

  /** Normalises the sums of {@link #attend} and writes them query by query. */
  private void mixed(float[] y, int start, int row, int count) {
    for (int d = 0; d < in.headDim(); d++) {
      for (int i = 0; i < count; i++) {
        y[start + i * row + d] = context[d][i] / total[i];
      }
    }
  }

  private static void raise(float[] max, float[] x, int count) {
    for (int i = 0; i < count; i++) {
      max[i] = Math.max(max[i], x[i]);
    }
  }

  private static void exponentials(float[] x, float[] max, float[] total, int count) {
    for (int i = 0; i < count; i++) {
      x[i] = exp(x[i] - max[i]);
      total[i] += x[i];
    }
  }

  @Override
  public void layerNorm() {
    for (int row = 0; row < in.tokens * in.hidden; row += in.hidden) {
      for (int i = row; i < row + in.hidden; i++) {
        y[i] = in.x[i] + in.residual[i];
      }
      normalize(row);
    }
  }

  /** Applies LayerNorm to a row of y in place. */
  private void normalize(int row) {
    float mean = sum(y, row, in.hidden) / in.hidden;
    for (int i = row; i < row + in.hidden; i++) {
      y[i] -= mean;
    }
    float scale = inverseRoot(sumOfSquares(y, row, in.hidden) / in.hidden + KernelInputs.EPS);
    for (int i = 0; i < in.hidden; i++) {
      y[row + i] = Math.fma(y[row + i] * scale, in.normWeight[i], in.bias[i]);
    }
  }

  @Override
  public void rmsNorm() {
    for (int row = 0; row < in.tokens * in.hidden; row += in.hidden) {
      for (int i = row; i < row + in.hidden; i++) {
        y[i] = in.x[i] + in.residual[i];
      }
      float scale = inverseRoot(sumOfSquares(y, row, in.hidden) / in.hidden + KernelInputs.EPS);
      for (int i = 0; i < in.hidden; i++) {
        y[row + i] *= scale * in.normWeight[i];
      }
    }
  }

  private static float inverseRoot(float x) {
    return (float) (1 / Math.sqrt(x));
  }

  @Override
  public void softmax() {
    for (int row = 0; row < in.heads * in.tokens; row++) {
      softmax(in.scores, row * in.tokens, y, in.tokens);
    }
  }

  private static void softmax(float[] x, int start, float[] y, int count) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = start; i < start + count; i++) {
      max = Math.max(max, x[i]);
    }
    for (int i = start; i < start + count; i++) {
      y[i] = exp(x[i] - max);
    }
    float scale = 1 / sum(y, start, count);
    for (int i = start; i < start + count; i++) {
      y[i] *= scale;
    }
  }

  @Override
  public void activate() {
    gelu(in.wide, y, in.tokens * in.intermediate);
  }

  private static void gelu(float[] x, float[] y, int count) {
    for (int i = 0; i < count; i++) {
      y[i] = 0.5f * x[i] * (1 + erf(x[i] * (float) Math.sqrt(0.5)));
    }
  }

  @Override
  public void embedding() {
    int token = 0;
    for (int length : in.lengths) {
      for (int position = 0; position < length; position++, token++) {
        int word = in.ids[token] * in.hidden;
        int row = token * in.hidden;
        int place = position * in.hidden;
        for (int i = 0; i < in.hidden; i++) {
          y[row + i] = in.words[word + i] + in.positions[place + i] + in.types[i];
        }
        normalize(row);
      }
    }
  }

  @Override
  public void pool() {
    int token = 0;
    for (int s = 0; s < in.lengths.length; s++) {
      int row = s * in.hidden;
      Arrays.fill(y, row, row + in.hidden, 0);
      for (int t = 0; t < in.lengths[s]; t++, token++) {
        for (int i = 0; i < in.hidden; i++) {
          y[row + i] += in.x[token * in.hidden + i];
        }
      }
      float scale = inverseRoot(sumOfSquares(y, row, in.hidden));
      for (int i = row; i < row + in.hidden; i++) {
        y[i] *= scale;
      }
    }
  }

  @Override
  public float[] result(int count) {
    return Arrays.copyOf(y, count);
  }

  /**
   * Sums in four independent chains, because in a single chain each addition waits for the previous
   * one.
   */
  private static float sum(float[] x, int start, int count) {
    float sum0 = 0;
    float sum1 = 0;
    float sum2 = 0;
    float sum3 = 0;
    int i = start;
    for (; i + 3 < start + count; i += 4) {
      sum0 += x[i];
      sum1 += x[i + 1];
      sum2 += x[i + 2];
      sum3 += x[i + 3];
    }
    for (; i < start + count; i++) {
      sum0 += x[i];
    }
    return sum0 + sum1 + (sum2 + sum3);
  }

  private static float sumOfSquares(float[] x, int start, int count) {
    float sum0 = 0;
    float sum1 = 0;
    float sum2 = 0;
    float sum3 = 0;
    int i = start;
    for (; i + 3 < start + count; i += 4) {
      sum0 = Math.fma(x[i], x[i], sum0);
      sum1 = Math.fma(x[i + 1], x[i + 1], sum1);
      sum2 = Math.fma(x[i + 2], x[i + 2], sum2);
      sum3 = Math.fma(x[i + 3], x[i + 3], sum3);
    }
    for (; i < start + count; i++) {
      sum0 = Math.fma(x[i], x[i], sum0);
    }
    return sum0 + sum1 + (sum2 + sum3);
  }

  /**
   * {@code exp(x) = 2ⁿ eʳ} for x ≤ 0, with |r| at most ln(2)/2 and a Taylor polynomial of degree 6.
   */
  private static float exp(float x) {
    float clamped = Math.max(x, ExpConstants.LEAST);
    float shifted = Math.fma(clamped, ExpConstants.LOG2_E, ExpConstants.ROUNDING);
    float n = shifted - ExpConstants.ROUNDING;
    float r = Math.fma(n, -ExpConstants.LN2_HIGH, clamped);
    r = Math.fma(n, -ExpConstants.LN2_LOW, r);
    float p = Math.fma(r, ExpConstants.C6, ExpConstants.C5);
    p = Math.fma(p, r, ExpConstants.C4);
    p = Math.fma(p, r, ExpConstants.C3);
    p = Math.fma(p, r, 0.5f);
    p = Math.fma(p, r, 1);
    p = Math.fma(p, r, 1);
    return Float.intBitsToFloat(
        Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << 23));
  }

  /** erf with an error of at most 1.5e-7. Abramowitz, Stegun 1964, 7.1.26. */
  private static float erf(float z) {
    float magnitude = Math.abs(z);
    float t = 1 / Math.fma(magnitude, ErfConstants.P, 1);
    float sum = Math.fma(t, ErfConstants.A5, ErfConstants.A4);
    sum = Math.fma(sum, t, ErfConstants.A3);
    sum = Math.fma(sum, t, ErfConstants.A2);
    sum = Math.fma(sum, t, ErfConstants.A1);
    return Math.copySign(1 - sum * t * exp(-magnitude * magnitude), z);
  }
}
