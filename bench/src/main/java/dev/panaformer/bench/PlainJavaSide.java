package dev.panaformer.bench;

import java.util.Arrays;

/**
 * The kernels in float as one writes them for the vectoriser of HotSpot's C2: arrays on the heap,
 * loops over neighbouring outputs instead of sums, which C2 may not reorder, and a polynomial for
 * the exponential.
 */
final class PlainJavaSide implements KernelSide {
  /** Tokens whose outputs stay in the L1 cache while four rows of weights pass. */
  private static final int TOKEN_BLOCK = 8;

  private final KernelInputs in;
  private final float[] square; // [in, out], as up and down
  private final float[] up;
  private final float[] down;
  private final float[] y;
  private final float[] intermediate;
  private final float[] keys; // [headDim, tokens], of one head
  private final float[] weights; // [tokens], of one query

  PlainJavaSide(KernelInputs in) {
    this.in = in;
    square = transposed(in.square, in.hidden, in.hidden);
    up = transposed(in.up, in.intermediate, in.hidden);
    down = transposed(in.down, in.hidden, in.intermediate);
    y = new float[in.largestOutput()];
    intermediate = new float[in.tokens * in.intermediate];
    keys = new float[in.headDim() * in.tokens];
    weights = new float[in.tokens];
  }

  private static float[] transposed(float[] weight, int rows, int columns) {
    float[] result = new float[weight.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        result[j * rows + i] = weight[i * columns + j];
      }
    }
    return result;
  }

  @Override
  public void linear() {
    linear(in.x, square, in.bias, y, in.tokens, in.hidden, in.hidden);
  }

  @Override
  public void feedForward() {
    linear(in.x, up, in.upBias, intermediate, in.tokens, in.intermediate, in.hidden);
    gelu(intermediate, intermediate, in.tokens * in.intermediate);
    linear(intermediate, down, in.bias, y, in.tokens, in.hidden, in.intermediate);
    for (int i = 0; i < in.tokens * in.hidden; i++) {
      y[i] += in.residual[i];
    }
  }

  private static void linear(
      float[] x, float[] weight, float[] bias, float[] y, int tokens, int out, int features) {
    for (int first = 0; first < tokens; first += TOKEN_BLOCK) {
      int end = Math.min(tokens, first + TOKEN_BLOCK);
      for (int t = first; t < end; t++) {
        System.arraycopy(bias, 0, y, t * out, out);
      }
      int k = 0;
      for (; k + 3 < features; k += 4) {
        for (int t = first; t < end; t++) {
          addFour(x, t * features + k, weight, k * out, y, t * out, out);
        }
      }
      for (; k < features; k++) {
        for (int t = first; t < end; t++) {
          add(x[t * features + k], weight, k * out, y, t * out, out);
        }
      }
    }
  }

  /** {@code y += x0 w0 + x1 w1 + x2 w2 + x3 w3}: one load and store of y for four products. */
  private static void addFour(
      float[] x, int xStart, float[] w, int wStart, float[] y, int yStart, int count) {
    float x0 = x[xStart];
    float x1 = x[xStart + 1];
    float x2 = x[xStart + 2];
    float x3 = x[xStart + 3];
    int w1 = wStart + count;
    int w2 = w1 + count;
    int w3 = w2 + count;
    for (int j = 0; j < count; j++) {
      float sum = Math.fma(x0, w[wStart + j], y[yStart + j]);
      sum = Math.fma(x1, w[w1 + j], sum);
      sum = Math.fma(x2, w[w2 + j], sum);
      y[yStart + j] = Math.fma(x3, w[w3 + j], sum);
    }
  }

  private static void add(float x, float[] w, int wStart, float[] y, int yStart, int count) {
    for (int j = 0; j < count; j++) {
      y[yStart + j] = Math.fma(x, w[wStart + j], y[yStart + j]);
    }
  }

  @Override
  public void attention() {
    int row = 3 * in.hidden;
    int headDim = in.headDim();
    int start = 0;
    for (int length : in.lengths) {
      for (int head = 0; head < in.heads; head++) {
        int q = start * row + head * headDim;
        int k = q + in.hidden;
        for (int j = 0; j < length; j++) {
          for (int d = 0; d < headDim; d++) {
            keys[d * length + j] = in.qkv[k + j * row + d];
          }
        }
        int out = start * in.hidden + head * headDim;
        for (int i = 0; i < length; i++) {
          attend(q + i * row, k + in.hidden, row, length, out + i * in.hidden);
        }
      }
      start += length;
    }
  }

  private void attend(int q, int v, int row, int length, int out) {
    int headDim = in.headDim();
    Arrays.fill(weights, 0, length, 0);
    for (int d = 0; d < headDim; d++) {
      add(in.qkv[q + d] * in.attentionScale(), keys, d * length, weights, 0, length);
    }
    softmax(weights, 0, weights, length);
    Arrays.fill(y, out, out + headDim, 0);
    for (int j = 0; j < length; j++) {
      add(weights[j], in.qkv, v + j * row, y, out, headDim);
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

  /** LayerNorm of a row of y in place. */
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
        add(1, in.x, token * in.hidden, y, row, in.hidden);
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

  /** Four chains of additions, since one would wait for itself. */
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

  /** {@code 2ⁿ eʳ} with |r| at most ln(2)/2 and the Taylor polynomial of degree 6, for x ≤ 0. */
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

  /** To 1.5e-7. Abramowitz, Stegun 1964, 7.1.26. */
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
