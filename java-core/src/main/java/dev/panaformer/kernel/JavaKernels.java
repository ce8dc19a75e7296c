package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The kernels as plain loops on the caller's thread: what the native ones are tested and measured
 * against, and what runs where there are none. Sums are taken in double.
 */
public final class JavaKernels implements Kernels {
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  static void warnOnce(NativeLibraryException missing) {
    if (WARNED.compareAndSet(false, true)) {
      // Not looked up before it is needed: the JDK's logging takes a while to start.
      System.getLogger(JavaKernels.class.getName())
          .log(Level.WARNING, "Computing in plain Java, slowly: {0}", missing.getMessage());
    }
  }

  @Override
  public String description() {
    return "java, 1 thread";
  }

  /** Keeps float32 in the layout {@code [out, in]}, whose rows are what {@link #dot} wants. */
  @Override
  public PackedWeight pack(
      String name,
      MemorySegment weight,
      DType dtype,
      long out,
      long in,
      Precision precision,
      SegmentAllocator allocator) {
    Arguments.pack(name, weight, dtype, out, in, precision);
    long bytes = PlainPackedWeight.bytes(precision, out, in);
    MemorySegment packed = allocator.allocate(bytes, NativeMemory.ALIGNMENT);
    if (precision == Precision.FP32) {
      Tensor.of(dtype, new long[] {out, in}, weight).copyFloat32To(packed);
    } else {
      PlainPackedWeight.pack(weight, dtype, out, in, precision, packed);
    }
    return new PackedWeight(name, packed, out, in, precision);
  }

  @Override
  public PackedWeight packed(
      String name, MemorySegment packed, long out, long in, Precision precision) {
    Arguments.packed(name, packed, out, in, precision);
    PlainPackedWeight.check(name, packed, out, in, precision);
    return new PackedWeight(name, packed, out, in, precision);
  }

  @Override
  public void embedding(
      EmbeddingTables tables, TokenBatch batch, MemorySegment y, Workspace workspace) {
    Arguments.embedding(tables, batch, y);
    tables.requireRows(batch);
    long hidden = tables.hidden();
    for (long t = 0; t < batch.tokens(); t++) {
      long id = batch.ids().getAtIndex(JAVA_INT, t);
      float[] packed = tables.packedWord().map(words -> row(words, id)).orElse(null);
      long position = batch.positionIds().getAtIndex(JAVA_INT, t) * hidden;
      long tokenType = batch.tokenTypeIds().getAtIndex(JAVA_INT, t) * hidden;
      for (long i = 0; i < hidden; i++) {
        double sum =
            packed == null
                ? get(tables.word(), id * hidden + i)
                : packed[(int) i] * tables.wordScale();
        if (tables.positions() > 0) {
          sum += get(tables.position(), position + i);
        }
        if (tables.tokenTypes() > 0) {
          sum += get(tables.tokenType(), tokenType + i);
        }
        set(y, t * hidden + i, sum);
      }
    }
    if (Arguments.isAbsent(tables.weight())) {
      return;
    }
    layerNorm(
        y,
        MemorySegment.NULL,
        tables.weight(),
        tables.bias(),
        y,
        batch.tokens(),
        hidden,
        tables.eps());
  }

  private static float[] row(PackedWeight weight, long feature) {
    return PlainPackedWeight.row(weight, feature);
  }

  @Override
  public void patchEmbedding(
      MemorySegment x,
      long images,
      PatchGrid grid,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment positions,
      MemorySegment y,
      long yImageStride,
      Workspace workspace) {
    ImageArguments.patchEmbedding(x, images, grid, weight, bias, positions, y, yImageStride);
    MemorySegment patch = workspace.scratch(grid.values() * Float.BYTES);
    PlainPatchEmbedding.run(x, images, grid, weight, bias, positions, y, yImageStride, patch);
  }

  @Override
  public void depthwiseConv(
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      long images,
      long height,
      long width,
      long channels,
      long kernel,
      Activation activation,
      Workspace workspace) {
    ImageArguments.depthwiseConv(x, weight, bias, y, images, height, width, channels, kernel);
    PlainDepthwiseConv.run(x, weight, bias, y, images, height, width, channels, kernel, activation);
  }

  @Override
  public void interpolate(
      MemorySegment x,
      long images,
      long height,
      long width,
      long channels,
      MemorySegment y,
      long yHeight,
      long yWidth,
      long yPixelStride,
      Interpolation interpolation,
      Workspace workspace) {
    ImageArguments.interpolate(
        x, images, height, width, channels, y, yHeight, yWidth, yPixelStride);
    PlainInterpolation.run(
        x, images, height, width, channels, y, yHeight, yWidth, yPixelStride, interpolation);
  }

  @Override
  public void linear(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Activation activation) {
    Arguments.linear(x, weight, bias, residual, y, tokens);
    for (long t = 0; t < tokens; t++) {
      linearRow(x, t * weight.in(), weight, bias, residual, y, t * weight.out(), activation);
    }
  }

  @Override
  public void feedForward(
      MemorySegment x,
      PackedWeight up,
      MemorySegment upBias,
      PackedWeight down,
      MemorySegment downBias,
      Activation activation,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace) {
    Arguments.feedForward(x, up, upBias, down, downBias, residual, y, tokens);
    MemorySegment intermediate = workspace.scratch(up.out() * Float.BYTES);
    for (long t = 0; t < tokens; t++) {
      long row = t * up.in();
      linearRow(x, row, up, upBias, MemorySegment.NULL, intermediate, 0, activation);
      linearRow(intermediate, 0, down, downBias, residual, y, row, Activation.NONE);
    }
  }

  @Override
  public void gatedFeedForward(
      MemorySegment x,
      PackedWeight gate,
      MemorySegment gateBias,
      PackedWeight up,
      MemorySegment upBias,
      PackedWeight down,
      MemorySegment downBias,
      Activation activation,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace) {
    Arguments.gatedFeedForward(x, gate, gateBias, up, upBias, down, downBias, residual, y, tokens);
    long inner = up.out();
    MemorySegment none = MemorySegment.NULL;
    MemorySegment product = workspace.scratch(2 * inner * Float.BYTES);
    for (long t = 0; t < tokens; t++) {
      long row = t * up.in();
      linearRow(x, row, gate, gateBias, none, product, inner, activation);
      linearRow(x, row, up, upBias, none, product, 0, Activation.NONE);
      for (long j = 0; j < inner; j++) {
        set(product, j, get(product, inner + j) * get(product, j));
      }
      linearRow(product, 0, down, downBias, residual, y, row, Activation.NONE);
    }
  }

  @Override
  public void rope(
      RotaryTables tables,
      MemorySegment x,
      TokenBatch batch,
      long heads,
      long tokenStride,
      long headStride,
      Workspace workspace) {
    Arguments.rope(tables, x, batch, heads, tokenStride, headStride);
    long half = tables.rotaryDim() / 2;
    for (long t = 0; t < batch.tokens(); t++) {
      long angles = batch.positionIds().getAtIndex(JAVA_INT, t) * half;
      for (long h = 0; h < heads; h++) {
        long head = t * tokenStride + h * headStride;
        for (long i = 0; i < half; i++) {
          double cos = get(tables.cos(), angles + i);
          double sin = get(tables.sin(), angles + i);
          double a = get(x, head + i);
          double b = get(x, head + half + i);
          set(x, head + i, a * cos - b * sin);
          set(x, head + half + i, b * cos + a * sin);
        }
      }
    }
  }

  @Override
  public void kvStore(
      MemorySegment qkv,
      long keys,
      long tokenStride,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      Workspace workspace) {
    Arguments.kvStore(qkv, keys, tokenStride, batch, cache);
    long headDim = cache.headDim();
    for (long t = 0; t < batch.tokens().tokens(); t++) {
      int slot = batch.slots().getAtIndex(JAVA_INT, t);
      for (int part = 0; part < 2; part++) {
        for (int h = 0; h < cache.kvHeads(); h++) {
          long from = t * tokenStride + keys + (part * (long) cache.kvHeads() + h) * headDim;
          MemorySegment.copy(
              qkv,
              from * Float.BYTES,
              cache.layer(layer),
              PlainPagedAttention.cached(cache, slot, part, h) * Float.BYTES,
              headDim * Float.BYTES);
        }
      }
    }
  }

  @Override
  public void pagedAttention(
      MemorySegment q,
      long tokenStride,
      MemorySegment y,
      DecoderBatch batch,
      TokenBatch queries,
      KvCache cache,
      int layer,
      long heads,
      float scale,
      long window,
      DistanceBias bias,
      Workspace workspace) {
    Arguments.pagedAttention(q, tokenStride, y, batch, queries, cache, heads, window, bias);
    new PlainPagedAttention(q, tokenStride, y, batch, cache, layer, heads, scale, workspace)
        .causal(queries, window, bias);
  }

  @Override
  public void crossAttention(
      MemorySegment q,
      MemorySegment y,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      long heads,
      float scale,
      Workspace workspace) {
    Arguments.crossAttention(q, y, batch, cache, heads);
    long row = heads * cache.headDim();
    new PlainPagedAttention(q, row, y, batch, cache, layer, heads, scale, workspace).cross();
  }

  @Override
  public void topK(
      MemorySegment logits,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long rows,
      long columns,
      long count) {
    Arguments.topK(logits, inverseTemperatures, values, ids, logSumExp, rows, columns, count);
    for (long row = 0; row < rows; row++) {
      double inverseTemperature = get(inverseTemperatures, row);
      topKRow(
          logits, row * columns, inverseTemperature, values, ids, logSumExp, row, columns, count);
    }
  }

  @Override
  public void linearTopK(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long tokens,
      long count,
      Workspace workspace) {
    Arguments.linearTopK(
        x, weight, bias, inverseTemperatures, values, ids, logSumExp, tokens, count);
    MemorySegment logits = workspace.scratch(weight.out() * Float.BYTES);
    for (long t = 0; t < tokens; t++) {
      linearRow(x, t * weight.in(), weight, bias, MemorySegment.NULL, logits, 0, Activation.NONE);
      double inverseTemperature = get(inverseTemperatures, t);
      topKRow(logits, 0, inverseTemperature, values, ids, logSumExp, t, weight.out(), count);
    }
  }

  @Override
  public long linearBest(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      Optional<Screen> screen,
      MemorySegment values,
      MemorySegment ids,
      long tokens,
      long count,
      Workspace workspace) {
    Arguments.linearBest(x, weight, bias, screen, values, ids, tokens, count);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment logits = workspace.scratch(weight.out() * Float.BYTES);
    for (long t = 0; t < tokens; t++) {
      linearRow(x, t * weight.in(), weight, bias, none, logits, 0, Activation.NONE);
      topKRow(logits, 0, 1, values, ids, none, t, weight.out(), count);
    }
    return weight.out();
  }

  /** logSumExp may be absent. */
  private static void topKRow(
      MemorySegment logits,
      long start,
      double inverseTemperature,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long row,
      long columns,
      long count) {
    long[] best = new long[(int) count];
    Arrays.fill(best, Long.MAX_VALUE);
    boolean nan = false;
    float max = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < columns; id++) {
      float logit = (float) get(logits, start + id);
      nan |= Float.isNaN(logit);
      max = Math.max(max, logit);
      insert(best, key(logit, id));
    }
    if (!logSumExp.equals(MemorySegment.NULL)) {
      double sum = 0;
      for (long id = 0; id < columns; id++) {
        sum += Math.exp((get(logits, start + id) - max) * inverseTemperature);
      }
      set(logSumExp, row, nan ? Double.NaN : max * inverseTemperature + Math.log(sum));
    }
    for (int i = 0; i < count; i++) {
      int id = nan ? -1 : (int) best[i];
      ids.setAtIndex(JAVA_INT, row * count + i, id);
      set(values, row * count + i, nan ? Double.NaN : get(logits, start + id));
    }
  }

  /** Sorts by descending logit, then by ascending id. */
  private static long key(float logit, int id) {
    int bits = Float.floatToIntBits(logit == 0 ? 0 : logit);
    long descending = ~(bits ^ (bits >> 31 & Integer.MAX_VALUE));
    return descending << 32 | id;
  }

  /** Into an ascending array, if it is among the least. */
  private static void insert(long[] least, long key) {
    int i = least.length - 1;
    if (key >= least[i]) {
      return;
    }
    for (; i > 0 && least[i - 1] > key; i--) {
      least[i] = least[i - 1];
    }
    least[i] = key;
  }

  static void linearRow(
      MemorySegment x,
      long xStart,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment residual,
      MemorySegment y,
      long yStart,
      Activation activation) {
    boolean exact = weight.precision() == Precision.FP32;
    double[] sums = exact ? new double[0] : PlainPackedWeight.multiply(x, xStart, weight);
    for (long j = 0; j < weight.out(); j++) {
      double sum =
          exact ? dot(x, xStart, weight.segment(), j * weight.in(), weight.in()) : sums[(int) j];
      sum = activate(sum + getOrZero(bias, j), activation);
      set(y, yStart + j, sum + getOrZero(residual, yStart + j));
    }
  }

  @Override
  public void attention(Attention a, Workspace workspace) {
    Arguments.attention(a);
    for (long s = 0; s < a.sequences; s++) {
      long firstQuery = a.cuSeqlensQ.getAtIndex(JAVA_INT, s);
      long firstKey = a.cuSeqlensKv.getAtIndex(JAVA_INT, s);
      long queries = a.cuSeqlensQ.getAtIndex(JAVA_INT, s + 1) - firstQuery;
      long keys = a.cuSeqlensKv.getAtIndex(JAVA_INT, s + 1) - firstKey;
      MemorySegment scores = workspace.scratch(keys * Double.BYTES);
      for (long h = 0; h < a.heads; h++) {
        long kvHead = h / (a.heads / a.kvHeads) * a.kvHeadStride;
        long k = a.kOffset + firstKey * a.kvTokenStride + kvHead;
        long v = a.vOffset + firstKey * a.kvTokenStride + kvHead;
        for (long i = 0; i < queries; i++) {
          long q = a.qOffset + (firstQuery + i) * a.qTokenStride + h * a.qHeadStride;
          long y = (firstQuery + i) * a.yTokenStride + h * a.yHeadStride;
          long bias =
              a.biasOffset
                  + s * a.biasSequenceStride
                  + h * a.biasHeadStride
                  + i * a.biasQueryStride;
          long visible = a.causal ? Math.max(0, Math.min(keys, i + keys - queries + 1)) : keys;
          attend(a, q, k, v, y, bias, visible, scores);
        }
      }
    }
  }

  /** One query over the first {@code keys} keys. */
  private static void attend(
      Attention a, long q, long k, long v, long y, long bias, long keys, MemorySegment scores) {
    double max = Double.NEGATIVE_INFINITY;
    for (long j = 0; j < keys; j++) {
      double score =
          a.scale * dot(a.q, q, a.k, k + j * a.kvTokenStride, a.headDim)
              + getOrZero(a.bias, bias + j);
      scores.setAtIndex(JAVA_DOUBLE, j, score);
      max = Math.max(max, score);
    }
    double sum = 0;
    for (long j = 0; j < keys; j++) {
      double weight =
          max == Double.NEGATIVE_INFINITY ? 0 : Math.exp(scores.getAtIndex(JAVA_DOUBLE, j) - max);
      scores.setAtIndex(JAVA_DOUBLE, j, weight);
      sum += weight;
    }
    for (long d = 0; d < a.headDim; d++) {
      double mixed = 0;
      for (long j = 0; j < keys; j++) {
        mixed += scores.getAtIndex(JAVA_DOUBLE, j) * get(a.v, v + j * a.kvTokenStride + d);
      }
      set(a.y, y + d, sum == 0 ? 0 : mixed / sum);
    }
  }

  @Override
  public void linformerAttention(
      MemorySegment qkv,
      SequenceProjections projections,
      TokenBatch batch,
      MemorySegment y,
      long heads,
      long headDim,
      float scale,
      Workspace workspace) {
    Arguments.linformerAttention(qkv, projections, batch, y, heads, headDim);
    PlainLinformerAttention.run(qkv, projections, batch, y, heads, headDim, scale, workspace);
  }

  @Override
  public void performerAttention(
      MemorySegment qkv,
      RandomFeatures features,
      TokenBatch batch,
      MemorySegment y,
      long heads,
      boolean causal,
      Workspace workspace) {
    Arguments.performerAttention(qkv, features, batch, y, heads);
    new PlainPerformerAttention(qkv, features, y, heads, workspace).run(batch, causal);
  }

  @Override
  public void sparseAttention(Attention a, KeyLists lists, Workspace workspace) {
    Arguments.sparseAttention(a, lists);
    new PlainSparseAttention(a, lists, workspace).run();
  }

  @Override
  public void layerNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      long tokens,
      long hidden,
      float eps) {
    Arguments.layerNorm(x, residual, weight, bias, y, tokens, hidden);
    for (long row = 0; row < tokens * hidden; row += hidden) {
      double sum = 0;
      for (long i = row; i < row + hidden; i++) {
        sum += get(x, i) + getOrZero(residual, i);
      }
      double mean = sum / hidden;
      double squares = 0;
      for (long i = row; i < row + hidden; i++) {
        double centred = get(x, i) + getOrZero(residual, i) - mean;
        squares += centred * centred;
      }
      double scale = 1 / Math.sqrt(squares / hidden + eps);
      for (long i = 0; i < hidden; i++) {
        double centred = get(x, row + i) + getOrZero(residual, row + i) - mean;
        set(y, row + i, centred * scale * get(weight, i) + getOrZero(bias, i));
      }
    }
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment y,
      long tokens,
      long hidden,
      float eps) {
    Arguments.rmsNorm(x, residual, weight, y, tokens, hidden);
    for (long row = 0; row < tokens * hidden; row += hidden) {
      double squares = 0;
      for (long i = row; i < row + hidden; i++) {
        double z = get(x, i) + getOrZero(residual, i);
        squares += z * z;
      }
      double scale = 1 / Math.sqrt(squares / hidden + eps);
      for (long i = 0; i < hidden; i++) {
        double z = get(x, row + i) + getOrZero(residual, row + i);
        set(y, row + i, z * scale * get(weight, i));
      }
    }
  }

  @Override
  public void softmax(MemorySegment x, MemorySegment y, long rows, long columns) {
    Arguments.softmax(x, y, rows, columns);
    for (long row = 0; row < rows * columns; row += columns) {
      double max = Double.NEGATIVE_INFINITY;
      for (long i = row; i < row + columns; i++) {
        max = Math.max(max, get(x, i));
      }
      if (max == Double.NEGATIVE_INFINITY) {
        y.asSlice(row * Float.BYTES, columns * Float.BYTES).fill((byte) 0);
        continue;
      }
      double sum = 0;
      for (long i = row; i < row + columns; i++) {
        sum += Math.exp(get(x, i) - max);
      }
      for (long i = row; i < row + columns; i++) {
        set(y, i, Math.exp(get(x, i) - max) / sum);
      }
    }
  }

  @Override
  public void activate(MemorySegment x, MemorySegment y, long count, Activation activation) {
    Arguments.activate(x, y, count);
    for (long i = 0; i < count; i++) {
      set(y, i, activate(get(x, i), activation));
    }
  }

  @Override
  public void pool(
      MemorySegment x,
      TokenBatch batch,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize) {
    Arguments.pool(x, batch, y, hidden);
    for (int s = 0; s < batch.sequences(); s++) {
      double squares = 0;
      for (long i = 0; i < hidden; i++) {
        double pooled = pool(x, batch.start(s), batch.start(s + 1), hidden, i, pooling);
        set(y, s * hidden + i, pooled);
        squares += pooled * pooled;
      }
      if (normalize) {
        double norm = Math.max(Math.sqrt(squares), 1e-12);
        for (long i = s * hidden; i < (s + 1) * hidden; i++) {
          set(y, i, get(y, i) / norm);
        }
      }
    }
  }

  private static double pool(
      MemorySegment x, long start, long end, long hidden, long feature, Pooling pooling) {
    return switch (pooling) {
      case CLS -> get(x, start * hidden + feature);
      case LAST -> get(x, (end - 1) * hidden + feature);
      case MEAN -> {
        double sum = 0;
        for (long t = start; t < end; t++) {
          sum += get(x, t * hidden + feature);
        }
        yield sum / (end - start);
      }
      case MAX -> {
        double max = Double.NEGATIVE_INFINITY;
        for (long t = start; t < end; t++) {
          max = Math.max(max, get(x, t * hidden + feature));
        }
        yield max;
      }
    };
  }

  @Override
  public void close() {}

  static double get(MemorySegment segment, long index) {
    return segment.getAtIndex(JAVA_FLOAT, index);
  }

  static double getOrZero(MemorySegment segment, long index) {
    return Arguments.isAbsent(segment) ? 0 : get(segment, index);
  }

  static void set(MemorySegment segment, long index, double value) {
    segment.setAtIndex(JAVA_FLOAT, index, (float) value);
  }

  /** Four chains of additions, since one would wait for itself. */
  static double dot(MemorySegment a, long aStart, MemorySegment b, long bStart, long count) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    long i = 0;
    for (; i + 3 < count; i += 4) {
      sum0 += get(a, aStart + i) * get(b, bStart + i);
      sum1 += get(a, aStart + i + 1) * get(b, bStart + i + 1);
      sum2 += get(a, aStart + i + 2) * get(b, bStart + i + 2);
      sum3 += get(a, aStart + i + 3) * get(b, bStart + i + 3);
    }
    for (; i < count; i++) {
      sum0 += get(a, aStart + i) * get(b, bStart + i);
    }
    return sum0 + sum1 + (sum2 + sum3);
  }

  static double activate(double x, Activation activation) {
    return switch (activation) {
      case NONE -> x;
      case RELU -> Math.max(x, 0);
      // x/2 (1 + erf z) = x/2 erfc(-z), which keeps its digits where erf is close to -1.
      case GELU_ERF -> 0.5 * x * erfc(-x / Math.sqrt(2));
      case GELU_TANH ->
          0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case GELU_QUICK -> x / (1 + Math.exp(-1.702 * x));
      case SILU -> x / (1 + Math.exp(-x));
      case TANH -> Math.tanh(x);
    };
  }

  /**
   * The complementary error function to nearly double precision. Abramowitz, Stegun 1964, 7.1.6 and
   * 7.1.14.
   */
  static double erfc(double z) {
    if (Double.isNaN(z)) {
      return z;
    }
    double magnitude = Math.abs(z);
    double gaussian = Math.exp(-z * z) / Math.sqrt(Math.PI);
    if (magnitude < 2.5) {
      double term = magnitude;
      double series = term;
      for (int n = 1; term > series * 1e-17; n++) {
        term *= 2 * z * z / (2 * n + 1);
        series += term;
      }
      return 1 - Math.copySign(2 * gaussian * series, z);
    }
    // z + (1/2)/(z + 1/(z + (3/2)/(z + …))), evaluated from the inside; 40 levels suffice from 2.5
    // on.
    double fraction = magnitude;
    for (int n = 40; n > 0; n--) {
      fraction = magnitude + 0.5 * n / fraction;
    }
    double tail = gaussian / fraction;
    return z > 0 ? tail : 2 - tail;
  }
}
