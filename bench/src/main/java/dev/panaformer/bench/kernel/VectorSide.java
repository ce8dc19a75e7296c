package dev.panaformer.bench.kernel;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Kernels on the Vector API, designed like the native kernels: panels of weights, tiles in
 * registers, attention in one pass with an online softmax, and masks for the remainder of a row.
 */
final class VectorSide implements KernelSide {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();

  /** The number of output features in a panel: two vectors, as in the native kernels. */
  private static final int PANEL = 2 * LANES;

  /**
   * The number of tokens in a tile. With two vectors each, this makes twelve sums, which hide the
   * latency of an FMA.
   */
  private static final int TILE = 6;

  /** The number of tokens whose intermediate features stay in the L2 cache. */
  private static final int FEED_FORWARD_BLOCK = 8 * TILE;

  private static final int QUERIES = 4;
  private static final int KEY_TILE = 64;

  private final KernelInputs in;
  private final float[] square;
  private final float[] up;
  private final float[] down;
  private final float[] y;
  private final float[] tile = new float[TILE * PANEL];
  private final float[] intermediate;
  private final int keyStride;
  private final float[] keys; // [headDim, keyStride], of one head
  private final float[] scores = new float[QUERIES * KEY_TILE];
  private final float[] mixed; // [QUERIES, headDim]
  private final float[] projectedKeys; // [PROJECTED, headDim]
  private final float[] projectedValues; // [PROJECTED, headDim]
  private final float[] bias; // [keyStride]
  private final float[] logSums; // [PROJECTED]
  private final float[] max = new float[QUERIES];
  private final float[] sum = new float[QUERIES];
  private final float[] correction = new float[QUERIES];

  VectorSide(KernelInputs in) {
    if (in.headDim() % LANES != 0) {
      throw new IllegalArgumentException(
          "headDim is " + in.headDim() + ", no multiple of the " + LANES + " lanes");
    }
    this.in = in;
    square = pack(in.square, in.hidden, in.hidden);
    up = pack(in.up, in.intermediate, in.hidden);
    down = pack(in.down, in.hidden, in.intermediate);
    y = new float[in.largestOutput()];
    intermediate = new float[FEED_FORWARD_BLOCK * in.intermediate];
    int rows = Math.max(in.tokens, KernelInputs.PROJECTED);
    keyStride = (rows + KEY_TILE - 1) / KEY_TILE * KEY_TILE;
    keys = new float[in.headDim() * keyStride];
    mixed = new float[QUERIES * in.headDim()];
    projectedKeys = new float[KernelInputs.PROJECTED * in.headDim()];
    projectedValues = new float[KernelInputs.PROJECTED * in.headDim()];
    bias = new float[keyStride];
    logSums = new float[KernelInputs.PROJECTED];
  }

  /**
   * Packs weights into {@code [ceil(out / PANEL)][in][PANEL]}. The last panel is padded with zeros.
   */
  private static float[] pack(float[] weight, int out, int in) {
    float[] panels = new float[(out + PANEL - 1) / PANEL * PANEL * in];
    for (int j = 0; j < out; j++) {
      for (int k = 0; k < in; k++) {
        panels[j / PANEL * PANEL * in + k * PANEL + j % PANEL] = weight[j * in + k];
      }
    }
    return panels;
  }

  @Override
  public void linear() {
    linear(in.x, 0, square, in.bias, null, y, 0, in.tokens, in.hidden, in.hidden, false);
  }

  @Override
  public void feedForward() {
    for (int t = 0; t < in.tokens; t += FEED_FORWARD_BLOCK) {
      int rows = Math.min(FEED_FORWARD_BLOCK, in.tokens - t);
      int start = t * in.hidden;
      int wide = in.intermediate;
      linear(in.x, start, up, in.upBias, null, intermediate, 0, rows, wide, in.hidden, true);
      linear(intermediate, 0, down, in.bias, in.residual, y, start, rows, in.hidden, wide, false);
    }
  }

  private void linear(
      float[] x,
      int xStart,
      float[] panels,
      float[] bias,
      float[] residual,
      float[] y,
      int yStart,
      int tokens,
      int out,
      int features,
      boolean gelu) {
    for (int column = 0; column < out; column += PANEL) {
      int panel = column * features;
      int columns = Math.min(PANEL, out - column);
      for (int t = 0; t < tokens; ) {
        int row = xStart + t * features;
        int rows;
        if (t + TILE <= tokens) {
          rows = TILE;
          multiplySix(x, row, panels, panel, tile, features);
        } else {
          // An odd last row is computed twice.
          rows = Math.min(2, tokens - t);
          multiplyTwo(x, row, row + (rows - 1) * features, panels, panel, tile, features);
        }
        for (int r = 0; r < rows; r++) {
          int at = yStart + (t + r) * out + column;
          finish(tile, r * PANEL, bias, column, residual, y, at, columns, gelu);
        }
        t += rows;
      }
    }
  }

  private static void multiplySix(
      float[] x, int row, float[] w, int panel, float[] tile, int features) {
    int row1 = row + features;
    int row2 = row1 + features;
    int row3 = row2 + features;
    int row4 = row3 + features;
    int row5 = row4 + features;
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector a2 = a0;
    FloatVector a3 = a0;
    FloatVector a4 = a0;
    FloatVector a5 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    FloatVector b2 = a0;
    FloatVector b3 = a0;
    FloatVector b4 = a0;
    FloatVector b5 = a0;
    for (int k = 0; k < features; k++) {
      FloatVector wa = FloatVector.fromArray(SPECIES, w, panel + k * PANEL);
      FloatVector wb = FloatVector.fromArray(SPECIES, w, panel + k * PANEL + LANES);
      FloatVector x0 = FloatVector.broadcast(SPECIES, x[row + k]);
      a0 = x0.fma(wa, a0);
      b0 = x0.fma(wb, b0);
      FloatVector x1 = FloatVector.broadcast(SPECIES, x[row1 + k]);
      a1 = x1.fma(wa, a1);
      b1 = x1.fma(wb, b1);
      FloatVector x2 = FloatVector.broadcast(SPECIES, x[row2 + k]);
      a2 = x2.fma(wa, a2);
      b2 = x2.fma(wb, b2);
      FloatVector x3 = FloatVector.broadcast(SPECIES, x[row3 + k]);
      a3 = x3.fma(wa, a3);
      b3 = x3.fma(wb, b3);
      FloatVector x4 = FloatVector.broadcast(SPECIES, x[row4 + k]);
      a4 = x4.fma(wa, a4);
      b4 = x4.fma(wb, b4);
      FloatVector x5 = FloatVector.broadcast(SPECIES, x[row5 + k]);
      a5 = x5.fma(wa, a5);
      b5 = x5.fma(wb, b5);
    }
    a0.intoArray(tile, 0);
    b0.intoArray(tile, LANES);
    a1.intoArray(tile, PANEL);
    b1.intoArray(tile, PANEL + LANES);
    a2.intoArray(tile, 2 * PANEL);
    b2.intoArray(tile, 2 * PANEL + LANES);
    a3.intoArray(tile, 3 * PANEL);
    b3.intoArray(tile, 3 * PANEL + LANES);
    a4.intoArray(tile, 4 * PANEL);
    b4.intoArray(tile, 4 * PANEL + LANES);
    a5.intoArray(tile, 5 * PANEL);
    b5.intoArray(tile, 5 * PANEL + LANES);
  }

  private static void multiplyTwo(
      float[] x, int row, int row1, float[] w, int panel, float[] tile, int features) {
    FloatVector a0 = FloatVector.zero(SPECIES);
    FloatVector a1 = a0;
    FloatVector b0 = a0;
    FloatVector b1 = a0;
    for (int k = 0; k < features; k++) {
      FloatVector wa = FloatVector.fromArray(SPECIES, w, panel + k * PANEL);
      FloatVector wb = FloatVector.fromArray(SPECIES, w, panel + k * PANEL + LANES);
      FloatVector x0 = FloatVector.broadcast(SPECIES, x[row + k]);
      a0 = x0.fma(wa, a0);
      b0 = x0.fma(wb, b0);
      FloatVector x1 = FloatVector.broadcast(SPECIES, x[row1 + k]);
      a1 = x1.fma(wa, a1);
      b1 = x1.fma(wb, b1);
    }
    a0.intoArray(tile, 0);
    b0.intoArray(tile, LANES);
    a1.intoArray(tile, PANEL);
    b1.intoArray(tile, PANEL + LANES);
  }

  /** {@code y = activation(sums + bias) + residual}, for one row of a tile. */
  private static void finish(
      float[] sums,
      int start,
      float[] bias,
      int column,
      float[] residual,
      float[] y,
      int at,
      int columns,
      boolean gelu) {
    for (int j = 0; j < columns; j += LANES) {
      VectorMask<Float> mask = SPECIES.indexInRange(j, columns);
      FloatVector z = FloatVector.fromArray(SPECIES, sums, start + j);
      z = z.add(FloatVector.fromArray(SPECIES, bias, column + j, mask));
      if (gelu) {
        z = gelu(z);
      }
      if (residual != null) {
        z = z.add(FloatVector.fromArray(SPECIES, residual, at + j, mask));
      }
      z.intoArray(y, at + j, mask);
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

  private Rows outputs(int start, int head) {
    return new Rows(y, start * in.hidden + head * in.headDim(), in.hidden);
  }

  @Override
  public void attention() {
    int start = 0;
    for (int length : in.lengths) {
      for (int head = 0; head < in.heads; head++) {
        transpose(keys(start, head), length);
        Rows q = queries(start, head);
        Rows v = values(start, head);
        attend(q, length, in.attentionScale(), v, length, null, outputs(start, head), null);
      }
      start += length;
    }
  }

  @Override
  public void linformerAttention() {
    int count = KernelInputs.PROJECTED;
    Rows k = new Rows(projectedKeys, 0, in.headDim());
    Rows v = new Rows(projectedValues, 0, in.headDim());
    int start = 0;
    for (int length : in.lengths) {
      for (int head = 0; head < in.heads; head++) {
        project(keys(start, head), length, in.keyProjection, projectedKeys);
        project(values(start, head), length, in.valueProjection, projectedValues);
        transpose(k, count);
        Rows q = queries(start, head);
        attend(q, length, in.attentionScale(), v, count, null, outputs(start, head), null);
      }
      start += length;
    }
  }

  /** Projects rows to {@code [PROJECTED, headDim]}, four rows at a time. */
  private void project(Rows x, int length, float[] projection, float[] y) {
    int headDim = in.headDim();
    for (int i = 0; i < KernelInputs.PROJECTED; i += 4) {
      for (int d = 0; d < headDim; d += LANES) {
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int t = 0; t < length; t++) {
          FloatVector v = FloatVector.fromArray(SPECIES, x.values, x.start + t * x.row + d);
          int weight = t * KernelInputs.PROJECTED + i;
          s0 = v.fma(FloatVector.broadcast(SPECIES, projection[weight]), s0);
          s1 = v.fma(FloatVector.broadcast(SPECIES, projection[weight + 1]), s1);
          s2 = v.fma(FloatVector.broadcast(SPECIES, projection[weight + 2]), s2);
          s3 = v.fma(FloatVector.broadcast(SPECIES, projection[weight + 3]), s3);
        }
        s0.intoArray(y, i * headDim + d);
        s1.intoArray(y, (i + 1) * headDim + d);
        s2.intoArray(y, (i + 2) * headDim + d);
        s3.intoArray(y, (i + 3) * headDim + d);
      }
    }
  }

  /** Computes attention in two steps, like {@link PlainJavaSide#performerAttention}. */
  @Override
  public void performerAttention() {
    float scale = in.featureScale();
    int count = KernelInputs.PROJECTED;
    Rows features = new Rows(in.randomFeatures, 0, in.headDim());
    Rows seen = new Rows(projectedValues, 0, in.headDim());
    int start = 0;
    for (int length : in.lengths) {
      for (int head = 0; head < in.heads; head++) {
        Rows k = keys(start, head);
        for (int j = 0; j < length; j++) {
          bias[j] = -0.5f * scale * scale * squares(k.values, k.start + j * k.row);
        }
        transpose(k, length);
        attend(features, count, scale, values(start, head), length, bias, seen, logSums);
        transpose(features, count);
        Rows q = queries(start, head);
        attend(q, length, scale, seen, count, logSums, outputs(start, head), null);
      }
      start += length;
    }
  }

  private float squares(float[] x, int start) {
    FloatVector sum = FloatVector.zero(SPECIES);
    for (int d = 0; d < in.headDim(); d += LANES) {
      FloatVector v = FloatVector.fromArray(SPECIES, x, start + d);
      sum = v.fma(v, sum);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private void transpose(Rows k, int count) {
    for (int j = 0; j < count; j++) {
      for (int d = 0; d < in.headDim(); d++) {
        keys[d * keyStride + j] = k.values[k.start + j * k.row + d];
      }
    }
  }

  /**
   * Computes attention over the transposed keys.
   *
   * @param bias the bias of each key, or null
   * @param logSums receives the logarithm of the sum of each query's weights, or null
   */
  private void attend(
      Rows q,
      int queries,
      float scale,
      Rows v,
      int keyCount,
      float[] bias,
      Rows out,
      float[] logSums) {
    for (int i = 0; i < queries; i += QUERIES) {
      attendFour(q, i, queries, scale, v, keyCount, bias);
      for (int r = 0; r < QUERIES && i + r < queries; r++) {
        for (int d = 0; d < in.headDim(); d += LANES) {
          FloatVector.fromArray(SPECIES, mixed, r * in.headDim() + d)
              .mul(1 / sum[r])
              .intoArray(out.values, out.start + (i + r) * out.row + d);
        }
        if (logSums != null) {
          logSums[i + r] = max[r] + (float) Math.log(sum[r]);
        }
      }
    }
  }

  /**
   * Computes up to four queries from query i on. Missing queries at the end are replaced with the
   * last one.
   */
  private void attendFour(
      Rows q, int i, int queries, float scale, Rows v, int keyCount, float[] bias) {
    int last = q.start + (queries - 1) * q.row;
    Arrays.fill(max, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0);
    Arrays.fill(mixed, 0);
    for (int j = 0; j < keyCount; j += KEY_TILE) {
      int count = Math.min(KEY_TILE, keyCount - j);
      int q0 = q.start + i * q.row;
      score(
          q.values,
          q0,
          Math.min(q0 + q.row, last),
          Math.min(q0 + 2 * q.row, last),
          Math.min(q0 + 3 * q.row, last),
          scale,
          j,
          count);
      for (int r = 0; r < QUERIES; r++) {
        if (bias != null) {
          addRows(scores, r * KEY_TILE, bias, j, scores, r * KEY_TILE, count);
        }
        soften(r, count);
      }
      mix(v.values, v.start + j * v.row, v.row, count);
    }
  }

  private void score(
      float[] q, int q0, int q1, int q2, int q3, float scale, int firstKey, int count) {
    for (int j = 0; j < count; j += LANES) {
      FloatVector s0 = FloatVector.zero(SPECIES);
      FloatVector s1 = s0;
      FloatVector s2 = s0;
      FloatVector s3 = s0;
      for (int d = 0; d < in.headDim(); d++) {
        FloatVector k = FloatVector.fromArray(SPECIES, keys, d * keyStride + firstKey + j);
        s0 = k.fma(FloatVector.broadcast(SPECIES, q[q0 + d]), s0);
        s1 = k.fma(FloatVector.broadcast(SPECIES, q[q1 + d]), s1);
        s2 = k.fma(FloatVector.broadcast(SPECIES, q[q2 + d]), s2);
        s3 = k.fma(FloatVector.broadcast(SPECIES, q[q3 + d]), s3);
      }
      s0.mul(scale).intoArray(scores, j);
      s1.mul(scale).intoArray(scores, KEY_TILE + j);
      s2.mul(scale).intoArray(scores, 2 * KEY_TILE + j);
      s3.mul(scale).intoArray(scores, 3 * KEY_TILE + j);
    }
  }

  /**
   * Online softmax (Milakov and Gimelshein 2018): computes the weights of a tile relative to the
   * current maximum.
   */
  private void soften(int r, int count) {
    int start = r * KEY_TILE;
    float oldMax = max[r];
    float newMax = Math.max(oldMax, max(scores, start, count));
    correction[r] = (float) Math.exp(oldMax - newMax);
    max[r] = newMax;
    sum[r] = sum[r] * correction[r] + exponentials(scores, start, newMax, scores, count);
  }

  private void mix(float[] values, int v, int row, int count) {
    int headDim = in.headDim();
    for (int d = 0; d < headDim; d += LANES) {
      FloatVector m0 = FloatVector.fromArray(SPECIES, mixed, d).mul(correction[0]);
      FloatVector m1 = FloatVector.fromArray(SPECIES, mixed, headDim + d).mul(correction[1]);
      FloatVector m2 = FloatVector.fromArray(SPECIES, mixed, 2 * headDim + d).mul(correction[2]);
      FloatVector m3 = FloatVector.fromArray(SPECIES, mixed, 3 * headDim + d).mul(correction[3]);
      for (int j = 0; j < count; j++) {
        FloatVector value = FloatVector.fromArray(SPECIES, values, v + j * row + d);
        m0 = value.fma(FloatVector.broadcast(SPECIES, scores[j]), m0);
        m1 = value.fma(FloatVector.broadcast(SPECIES, scores[KEY_TILE + j]), m1);
        m2 = value.fma(FloatVector.broadcast(SPECIES, scores[2 * KEY_TILE + j]), m2);
        m3 = value.fma(FloatVector.broadcast(SPECIES, scores[3 * KEY_TILE + j]), m3);
      }
      m0.intoArray(mixed, d);
      m1.intoArray(mixed, headDim + d);
      m2.intoArray(mixed, 2 * headDim + d);
      m3.intoArray(mixed, 3 * headDim + d);
    }
  }

  @Override
  public void layerNorm() {
    for (int row = 0; row < in.tokens * in.hidden; row += in.hidden) {
      addRows(in.x, row, in.residual, row, y, row, in.hidden);
      normalize(row);
    }
  }

  /** Applies LayerNorm to a row of y in place. */
  private void normalize(int row) {
    int n = in.hidden;
    FloatVector total = FloatVector.zero(SPECIES);
    for (int i = 0; i < n; i += LANES) {
      total = total.add(FloatVector.fromArray(SPECIES, y, row + i, SPECIES.indexInRange(i, n)));
    }
    float mean = total.reduceLanes(VectorOperators.ADD) / n;
    FloatVector squares = FloatVector.zero(SPECIES);
    for (int i = 0; i < n; i += LANES) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, n);
      FloatVector d = FloatVector.fromArray(SPECIES, y, row + i, mask).sub(mean, mask);
      squares = d.fma(d, squares);
    }
    float scale = inverseRoot(squares.reduceLanes(VectorOperators.ADD) / n + KernelInputs.EPS);
    for (int i = 0; i < n; i += LANES) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, n);
      FloatVector.fromArray(SPECIES, y, row + i, mask)
          .sub(mean)
          .mul(scale)
          .fma(
              FloatVector.fromArray(SPECIES, in.normWeight, i, mask),
              FloatVector.fromArray(SPECIES, in.bias, i, mask))
          .intoArray(y, row + i, mask);
    }
  }

  private static void addRows(
      float[] a, int aStart, float[] b, int bStart, float[] y, int yStart, int count) {
    for (int i = 0; i < count; i += LANES) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, count);
      FloatVector.fromArray(SPECIES, a, aStart + i, mask)
          .add(FloatVector.fromArray(SPECIES, b, bStart + i, mask))
          .intoArray(y, yStart + i, mask);
    }
  }

  @Override
  public void rmsNorm() {
    int n = in.hidden;
    for (int row = 0; row < in.tokens * n; row += n) {
      addRows(in.x, row, in.residual, row, y, row, n);
      float scale = inverseRoot(sumOfSquares(y, row, n) / n + KernelInputs.EPS);
      for (int i = 0; i < n; i += LANES) {
        VectorMask<Float> mask = SPECIES.indexInRange(i, n);
        FloatVector.fromArray(SPECIES, y, row + i, mask)
            .mul(scale)
            .mul(FloatVector.fromArray(SPECIES, in.normWeight, i, mask))
            .intoArray(y, row + i, mask);
      }
    }
  }

  private static float sumOfSquares(float[] x, int start, int count) {
    FloatVector squares = FloatVector.zero(SPECIES);
    for (int i = 0; i < count; i += LANES) {
      FloatVector z = FloatVector.fromArray(SPECIES, x, start + i, SPECIES.indexInRange(i, count));
      squares = z.fma(z, squares);
    }
    return squares.reduceLanes(VectorOperators.ADD);
  }

  private static float inverseRoot(float x) {
    return (float) (1 / Math.sqrt(x));
  }

  @Override
  public void softmax() {
    int n = in.tokens;
    for (int row = 0; row < in.heads * n * n; row += n) {
      float total = exponentials(in.scores, row, max(in.scores, row, n), y, n);
      scale(y, row, n, 1 / total);
    }
  }

  private static float max(float[] x, int start, int count) {
    FloatVector max = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
      max = max.max(FloatVector.fromArray(SPECIES, x, start + i));
    }
    if (i < count) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, count);
      max =
          max.lanewise(
              VectorOperators.MAX, FloatVector.fromArray(SPECIES, x, start + i, mask), mask);
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /** Writes {@code y = exp(x - max)} at the same indices and returns the sum. */
  private static float exponentials(float[] x, int start, float max, float[] y, int count) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
      FloatVector e = exp(FloatVector.fromArray(SPECIES, x, start + i).sub(max));
      sum = sum.add(e);
      e.intoArray(y, start + i);
    }
    if (i < count) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, count);
      FloatVector e = exp(FloatVector.fromArray(SPECIES, x, start + i, mask).sub(max));
      sum = sum.add(e, mask);
      e.intoArray(y, start + i, mask);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private static void scale(float[] y, int start, int count, float factor) {
    for (int i = 0; i < count; i += LANES) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, count);
      FloatVector.fromArray(SPECIES, y, start + i, mask).mul(factor).intoArray(y, start + i, mask);
    }
  }

  @Override
  public void activate() {
    int count = in.tokens * in.intermediate;
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
      gelu(FloatVector.fromArray(SPECIES, in.wide, i)).intoArray(y, i);
    }
    if (i < count) {
      VectorMask<Float> mask = SPECIES.indexInRange(i, count);
      gelu(FloatVector.fromArray(SPECIES, in.wide, i, mask)).intoArray(y, i, mask);
    }
  }

  @Override
  public void embedding() {
    int token = 0;
    for (int length : in.lengths) {
      for (int position = 0; position < length; position++, token++) {
        int row = token * in.hidden;
        addRows(
            in.words,
            in.ids[token] * in.hidden,
            in.positions,
            position * in.hidden,
            y,
            row,
            in.hidden);
        addRows(y, row, in.types, 0, y, row, in.hidden);
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
        addRows(in.x, token * in.hidden, y, row, y, row, in.hidden);
      }
      scale(y, row, in.hidden, inverseRoot(sumOfSquares(y, row, in.hidden)));
    }
  }

  @Override
  public float[] result(int count) {
    return Arrays.copyOf(y, count);
  }

  /** The exponential function of {@link PlainJavaSide}. */
  private static FloatVector exp(FloatVector x) {
    FloatVector clamped = x.max(ExpConstants.LEAST);
    FloatVector rounding = FloatVector.broadcast(SPECIES, ExpConstants.ROUNDING);
    FloatVector shifted =
        clamped.fma(FloatVector.broadcast(SPECIES, ExpConstants.LOG2_E), rounding);
    FloatVector n = shifted.sub(rounding);
    FloatVector r = n.fma(FloatVector.broadcast(SPECIES, -ExpConstants.LN2_HIGH), clamped);
    r = n.fma(FloatVector.broadcast(SPECIES, -ExpConstants.LN2_LOW), r);
    FloatVector p =
        r.fma(
            FloatVector.broadcast(SPECIES, ExpConstants.C6),
            FloatVector.broadcast(SPECIES, ExpConstants.C5));
    p = p.fma(r, FloatVector.broadcast(SPECIES, ExpConstants.C4));
    p = p.fma(r, FloatVector.broadcast(SPECIES, ExpConstants.C3));
    p = p.fma(r, FloatVector.broadcast(SPECIES, 0.5f));
    p = p.fma(r, FloatVector.broadcast(SPECIES, 1));
    p = p.fma(r, FloatVector.broadcast(SPECIES, 1));
    IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
    return p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
  }

  /** {@code x/2 (1 + erf(x/√2))}; erf as in {@link PlainJavaSide}. */
  private static FloatVector gelu(FloatVector x) {
    FloatVector one = FloatVector.broadcast(SPECIES, 1);
    FloatVector magnitude = x.abs().mul((float) Math.sqrt(0.5));
    FloatVector t = one.div(magnitude.fma(FloatVector.broadcast(SPECIES, ErfConstants.P), one));
    FloatVector sum =
        t.fma(
            FloatVector.broadcast(SPECIES, ErfConstants.A5),
            FloatVector.broadcast(SPECIES, ErfConstants.A4));
    sum = sum.fma(t, FloatVector.broadcast(SPECIES, ErfConstants.A3));
    sum = sum.fma(t, FloatVector.broadcast(SPECIES, ErfConstants.A2));
    sum = sum.fma(t, FloatVector.broadcast(SPECIES, ErfConstants.A1));
    FloatVector tail = sum.mul(t).mul(exp(magnitude.mul(magnitude).neg()));
    // x erf(x/√2) = |x| erf(|x|/√2)
    return x.abs().mul(one.sub(tail)).add(x).mul(0.5f);
  }
}
