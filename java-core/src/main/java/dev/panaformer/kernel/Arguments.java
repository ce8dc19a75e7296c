package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * What every implementation of {@link Kernels} asks of its arguments, so that none computes outside
 * of its segments and all complain alike. Messages are composed only when there is something to
 * say.
 */
final class Arguments {
  static final long MAX_HEAD_DIM = 256;
  private static final long MAX_SPARSE_HEAD_DIM = 8192;
  static final long MAX_DIMENSION = Integer.MAX_VALUE;
  private static final long MAX_INT8_FEATURES = 65536;

  private Arguments() {}

  static void linear(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment residual,
      MemorySegment y,
      long tokens) {
    requireSize("linear", "tokens", tokens, 0);
    requireFloats("linear", "x", x, tokens, weight.in());
    requireFloatsOrAbsent("linear", "bias", bias, 1, weight.out());
    requireFloatsOrAbsent("linear", "residual", residual, tokens, weight.out());
    requireFloats("linear", "y", y, tokens, weight.out());
    requireDisjoint("linear", y, tokens * weight.out(), "x", x, tokens * weight.in());
  }

  static void feedForward(
      MemorySegment x,
      PackedWeight up,
      MemorySegment upBias,
      PackedWeight down,
      MemorySegment downBias,
      MemorySegment residual,
      MemorySegment y,
      long tokens) {
    long hidden = up.in();
    long intermediate = up.out();
    if (down.in() != intermediate || down.out() != hidden) {
      throw new IllegalArgumentException(
          "feedForward: down is ["
              + down.out()
              + ", "
              + down.in()
              + "], but must be ["
              + hidden
              + ", "
              + intermediate
              + "] after an up of ["
              + intermediate
              + ", "
              + hidden
              + "]");
    }
    requireSize("feedForward", "tokens", tokens, 0);
    requireFloats("feedForward", "x", x, tokens, hidden);
    requireFloatsOrAbsent("feedForward", "upBias", upBias, 1, intermediate);
    requireFloatsOrAbsent("feedForward", "downBias", downBias, 1, hidden);
    requireFloatsOrAbsent("feedForward", "residual", residual, tokens, hidden);
    requireFloats("feedForward", "y", y, tokens, hidden);
    requireDisjoint("feedForward", y, tokens * hidden, "x", x, tokens * hidden);
  }

  static void gatedFeedForward(
      MemorySegment x,
      PackedWeight gate,
      MemorySegment gateBias,
      PackedWeight up,
      MemorySegment upBias,
      PackedWeight down,
      MemorySegment downBias,
      MemorySegment residual,
      MemorySegment y,
      long tokens) {
    if (gate.in() != up.in() || gate.out() != up.out()) {
      throw new IllegalArgumentException(
          String.format(
              "gatedFeedForward: gate is [%d, %d], but up is [%d, %d]",
              gate.out(), gate.in(), up.out(), up.in()));
    }
    requireFloatsOrAbsent("gatedFeedForward", "gateBias", gateBias, 1, gate.out());
    feedForward(x, up, upBias, down, downBias, residual, y, tokens);
  }

  static void rope(
      RotaryTables tables,
      MemorySegment x,
      TokenBatch batch,
      long heads,
      long tokenStride,
      long headStride) {
    requireSize("rope", "heads", heads, 1);
    requireSize("rope", "positions", tables.positions(), 1);
    if (tables.rotaryDim() < 2
        || tables.rotaryDim() % 2 != 0
        || tables.rotaryDim() > MAX_HEAD_DIM) {
      throw new IllegalArgumentException(
          "rope: rotaryDim is " + tables.rotaryDim() + ", not an even number to " + MAX_HEAD_DIM);
    }
    requireFloats("rope", "cos", tables.cos(), tables.positions(), tables.rotaryDim() / 2);
    requireFloats("rope", "sin", tables.sin(), tables.positions(), tables.rotaryDim() / 2);
    requireRows(
        "rope", x, batch.tokens(), tokenStride, (heads - 1) * headStride + tables.rotaryDim());
    for (long t = 0; t < batch.tokens(); t++) {
      int position = batch.positionIds().getAtIndex(JAVA_INT, t);
      if (position < 0 || position >= tables.positions()) {
        throw new IndexOutOfBoundsException(
            "rope: token " + t + " has position " + position + " of " + tables.positions());
      }
    }
  }

  static void kvStore(
      MemorySegment qkv, long keys, long tokenStride, DecoderBatch batch, KvCache cache) {
    long width = 2L * cache.kvHeads() * cache.headDim();
    if (keys < 0) {
      throw new IllegalArgumentException("kvStore: keys begin at " + keys);
    }
    requireRows("kvStore", qkv, batch.tokens().tokens(), tokenStride, keys + width);
  }

  static void pagedAttention(
      MemorySegment q,
      long tokenStride,
      MemorySegment y,
      DecoderBatch batch,
      TokenBatch queries,
      KvCache cache,
      long heads,
      long window,
      DistanceBias bias) {
    if (queries.sequences() != batch.sequences()) {
      throw new IllegalArgumentException(
          String.format(
              "pagedAttention: queries of %d sequences, expected %d",
              queries.sequences(), batch.sequences()));
    }
    requireSize("pagedAttention", "window", window, 0);
    requireSize("pagedAttention", "distances", bias.distances(), 0);
    if (bias.distances() > 0) {
      requireFloats("pagedAttention", "bias", bias.table(), heads, bias.distances());
    }
    requireCached("pagedAttention", q, tokenStride, y, queries, cache, heads);
  }

  static void crossAttention(
      MemorySegment q, MemorySegment y, DecoderBatch batch, KvCache cache, long heads) {
    if (!batch.hasSources()) {
      throw new IllegalArgumentException(
          "crossAttention: a batch of sequences of which not all have a source");
    }
    requireCached("crossAttention", q, heads * cache.headDim(), y, batch.tokens(), cache, heads);
  }

  private static void requireCached(
      String kernel,
      MemorySegment q,
      long tokenStride,
      MemorySegment y,
      TokenBatch queries,
      KvCache cache,
      long heads) {
    requireSize(kernel, "heads", heads, 1);
    if (heads % cache.kvHeads() != 0) {
      throw new IllegalArgumentException(
          kernel + ": " + cache.kvHeads() + " kvHeads do not divide " + heads + " heads");
    }
    long tokens = queries.tokens();
    long width = heads * cache.headDim();
    requireRows(kernel, q, tokens, tokenStride, width);
    requireFloats(kernel, "y", y, tokens, width);
    requireDisjoint(kernel, y, tokens * width, "q", q, floats(q));
  }

  /** Rows of {@code width} floats that begin {@code stride} apart. */
  private static void requireRows(
      String kernel, MemorySegment x, long rows, long stride, long width) {
    if (stride < width) {
      throw new IllegalArgumentException(
          kernel + ": rows of " + width + " floats, " + stride + " apart");
    }
    if (rows > 0 && (floats(x) < (rows - 1) * stride + width || !x.isNative())) {
      throw new IllegalArgumentException(
          kernel
              + ": x "
              + received(x)
              + ", but "
              + rows
              + " rows need "
              + ((rows - 1) * stride + width));
    }
  }

  static void topK(
      MemorySegment logits,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long rows,
      long columns,
      long count) {
    requireFloats("topK", "logits", logits, rows, columns);
    requireTopK("topK", inverseTemperatures, values, ids, logSumExp, rows, columns, count);
  }

  static void linearTopK(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long tokens,
      long count) {
    requireFloats("linearTopK", "x", x, tokens, weight.in());
    requireFloatsOrAbsent("linearTopK", "bias", bias, 1, weight.out());
    requireTopK(
        "linearTopK", inverseTemperatures, values, ids, logSumExp, tokens, weight.out(), count);
  }

  static void linearBest(
      MemorySegment x,
      PackedWeight weight,
      MemorySegment bias,
      Optional<Screen> screen,
      MemorySegment values,
      MemorySegment ids,
      long tokens,
      long count) {
    requireFloats("linearBest", "x", x, tokens, weight.in());
    requireFloatsOrAbsent("linearBest", "bias", bias, 1, weight.out());
    if (screen.isPresent()) {
      Screen s = screen.get();
      if (s.out() != weight.out() || s.in() != weight.in()) {
        throw new IllegalArgumentException(
            String.format(
                "linearBest: a screen of a weight [%d, %d], expected one of %s [%d, %d]",
                s.out(), s.in(), weight.name(), weight.out(), weight.in()));
      }
    }
    requireBest("linearBest", values, ids, tokens, weight.out(), count);
  }

  private static void requireTopK(
      String kernel,
      MemorySegment inverseTemperatures,
      MemorySegment values,
      MemorySegment ids,
      MemorySegment logSumExp,
      long rows,
      long columns,
      long count) {
    requireBest(kernel, values, ids, rows, columns, count);
    requireFloats(kernel, "inverseTemperatures", inverseTemperatures, 1, rows);
    requireFloats(kernel, "logSumExp", logSumExp, 1, rows);
    for (long row = 0; row < rows; row++) {
      float value = inverseTemperatures.getAtIndex(ValueLayout.JAVA_FLOAT, row);
      if (!(value > 0 && value < Float.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            kernel + ": inverse temperature " + row + " is " + value + ", not above 0");
      }
    }
  }

  private static void requireBest(
      String kernel, MemorySegment values, MemorySegment ids, long rows, long columns, long count) {
    requireSize(kernel, "rows", rows, 0);
    requireSize(kernel, "columns", columns, 1);
    if (count < 1 || count > columns) {
      throw new IllegalArgumentException(
          kernel + ": count is " + count + ", not in 1 to " + columns);
    }
    requireFloats(kernel, "values", values, rows, count);
    requireFloats(kernel, "ids", ids, rows, count);
  }

  static void embedding(EmbeddingTables tables, TokenBatch batch, MemorySegment y) {
    requireSize("embedding", "hidden", tables.hidden(), 1);
    requireSize("embedding", "vocab", tables.vocab(), 1);
    requireSize("embedding", "positions", tables.positions(), 0);
    requireSize("embedding", "tokenTypes", tables.tokenTypes(), 0);
    if (tables.packedWord().isEmpty()) {
      requireFloats("embedding", "word", tables.word(), tables.vocab(), tables.hidden());
    } else {
      requireWords(tables, tables.packedWord().get());
    }
    if (tables.positions() > 0) {
      requireFloats(
          "embedding", "position", tables.position(), tables.positions(), tables.hidden());
    }
    if (tables.tokenTypes() > 0) {
      requireFloats(
          "embedding", "tokenType", tables.tokenType(), tables.tokenTypes(), tables.hidden());
    }
    requireFloatsOrAbsent("embedding", "weight", tables.weight(), 1, tables.hidden());
    requireFloatsOrAbsent("embedding", "bias", tables.bias(), 1, tables.hidden());
    if (isAbsent(tables.weight()) != isAbsent(tables.bias())) {
      throw new IllegalArgumentException("embedding: one of weight and bias is absent");
    }
    requireComplete("embedding", batch);
    requireFloats("embedding", "y", y, batch.tokens(), tables.hidden());
  }

  private static void requireWords(EmbeddingTables tables, PackedWeight words) {
    if (!isAbsent(tables.word())
        || words.out() != tables.vocab()
        || words.in() != tables.hidden()) {
      throw new IllegalArgumentException(
          String.format(
              "embedding: packed words %s [%d, %d] in place of a table of [%d, %d]",
              words.name(), words.out(), words.in(), tables.vocab(), tables.hidden()));
    }
  }

  static void attention(Attention a) {
    requireSize("attention", "sequences", a.sequences, 0);
    requireCumulative("cuSeqlensQ", a.cuSeqlensQ, a.sequences, a.qTokens);
    requireCumulative("cuSeqlensKv", a.cuSeqlensKv, a.sequences, a.kvTokens);
    requireTensors("attention", a, MAX_HEAD_DIM);
    if (!isAbsent(a.bias)) {
      requireBias(a);
    }
  }

  static void sparseAttention(Attention a, KeyLists lists) {
    requireTensors("sparseAttention", a, MAX_SPARSE_HEAD_DIM);
    if (a.causal || !isAbsent(a.bias)) {
      throw new IllegalArgumentException("sparseAttention: has neither causal mask nor bias");
    }
    if (lists.queries() != a.qTokens) {
      throw new IllegalArgumentException(
          "sparseAttention: lists for " + lists.queries() + " queries, but there are " + a.qTokens);
    }
    if (lists.lists() != 1 && lists.lists() != a.heads) {
      throw new IllegalArgumentException(
          "sparseAttention: blocks of " + lists.lists() + " lists, neither 1 nor " + a.heads);
    }
    if (lists.banded() && lists.bandCount() != lists.queries()) {
      throw new IllegalArgumentException(
          "sparseAttention: "
              + lists.bandCount()
              + " bands for "
              + lists.queries()
              + " queries with banded spans");
    }
    if (lists.keys() > a.kvTokens) {
      throw new IndexOutOfBoundsException(
          "sparseAttention: lists of keys up to " + lists.keys() + ", but there are " + a.kvTokens);
    }
  }

  /** Heads, and the tensors that they lie in. */
  private static void requireTensors(String kernel, Attention a, long maxHeadDim) {
    requireSize(kernel, "heads", a.heads, 1);
    requireSize(kernel, "kvHeads", a.kvHeads, 1);
    if (a.heads % a.kvHeads != 0) {
      throw new IllegalArgumentException(
          kernel + ": " + a.kvHeads + " kvHeads do not divide " + a.heads + " heads");
    }
    if (a.headDim < 1 || a.headDim > maxHeadDim) {
      throw new IllegalArgumentException(
          kernel + ": headDim is " + a.headDim + ", not in 1 to " + maxHeadDim);
    }
    requireStrided(
        kernel, "q", a.q, a.qOffset, a.qTokens, a.qTokenStride, a.heads, a.qHeadStride, a.headDim);
    requireStrided(
        kernel,
        "k",
        a.k,
        a.kOffset,
        a.kvTokens,
        a.kvTokenStride,
        a.kvHeads,
        a.kvHeadStride,
        a.headDim);
    requireStrided(
        kernel,
        "v",
        a.v,
        a.vOffset,
        a.kvTokens,
        a.kvTokenStride,
        a.kvHeads,
        a.kvHeadStride,
        a.headDim);
    long yFloats =
        requireStrided(
            kernel, "y", a.y, 0, a.qTokens, a.yTokenStride, a.heads, a.yHeadStride, a.headDim);
    requireDisjoint(kernel, a.y, yFloats, "q", a.q, floats(a.q));
    requireDisjoint(kernel, a.y, yFloats, "k", a.k, floats(a.k));
    requireDisjoint(kernel, a.y, yFloats, "v", a.v, floats(a.v));
  }

  static void linformerAttention(
      MemorySegment qkv,
      SequenceProjections projections,
      TokenBatch batch,
      MemorySegment y,
      long heads,
      long headDim) {
    String kernel = "linformerAttention";
    requirePacked(kernel, qkv, batch, y, heads, headDim);
    long positions = projections.positions();
    long projected = projections.projected();
    requireSize(kernel, "positions", positions, 1);
    requireHeads(kernel, heads, "projected", projected);
    requireFloats(kernel, "keys", projections.keys(), positions, projected);
    requireFloats(kernel, "values", projections.values(), positions, projected);
    for (long t = 0; t < batch.tokens(); t++) {
      int position = batch.positionIds().getAtIndex(JAVA_INT, t);
      if (position < 0 || position >= positions) {
        throw new IndexOutOfBoundsException(
            kernel
                + ": token "
                + t
                + " has position "
                + position
                + ", but there are projections of "
                + positions);
      }
    }
  }

  static void performerAttention(
      MemorySegment qkv, RandomFeatures features, TokenBatch batch, MemorySegment y, long heads) {
    String kernel = "performerAttention";
    requirePacked(kernel, qkv, batch, y, heads, features.headDim());
    requireHeads(kernel, heads, "features", features.count());
    requireFloats(kernel, "features", features.weight(), features.count(), features.headDim());
    if (!(features.offset() >= 0)) {
      throw new IllegalArgumentException(
          kernel + ": offset is " + features.offset() + ", not at least 0");
    }
  }

  /** Queries, keys and values of self-attention in one tensor, and what they become. */
  private static void requirePacked(
      String kernel, MemorySegment qkv, TokenBatch batch, MemorySegment y, long heads, long dim) {
    requireSize(kernel, "heads", heads, 1);
    if (dim < 1 || dim > MAX_HEAD_DIM) {
      throw new IllegalArgumentException(
          kernel + ": headDim is " + dim + ", not in 1 to " + MAX_HEAD_DIM);
    }
    requireComplete(kernel, batch);
    long row = heads * dim;
    requireSize(kernel, "3 * heads * headDim", 3 * row, 1);
    requireFloats(kernel, "qkv", qkv, batch.tokens(), 3 * row);
    requireFloats(kernel, "y", y, batch.tokens(), row);
    requireDisjoint(kernel, y, batch.tokens() * row, "qkv", qkv, batch.tokens() * 3 * row);
  }

  /** Of what each head has some, and all heads together no more than a dimension. */
  private static void requireHeads(String kernel, long heads, String name, long count) {
    requireSize(kernel, name, count, 1);
    requireSize(kernel, "heads * " + name, heads * count, 1);
  }

  static void layerNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment bias,
      MemorySegment y,
      long tokens,
      long hidden) {
    rowNorm("layerNorm", x, residual, weight, y, tokens, hidden);
    requireFloatsOrAbsent("layerNorm", "bias", bias, 1, hidden);
  }

  static void rmsNorm(
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment y,
      long tokens,
      long hidden) {
    rowNorm("rmsNorm", x, residual, weight, y, tokens, hidden);
  }

  private static void rowNorm(
      String kernel,
      MemorySegment x,
      MemorySegment residual,
      MemorySegment weight,
      MemorySegment y,
      long tokens,
      long hidden) {
    requireSize(kernel, "tokens", tokens, 0);
    requireSize(kernel, "hidden", hidden, 1);
    requireFloats(kernel, "x", x, tokens, hidden);
    requireFloatsOrAbsent(kernel, "residual", residual, tokens, hidden);
    requireFloats(kernel, "weight", weight, 1, hidden);
    requireFloats(kernel, "y", y, tokens, hidden);
  }

  static void softmax(MemorySegment x, MemorySegment y, long rows, long columns) {
    requireSize("softmax", "rows", rows, 0);
    requireSize("softmax", "columns", columns, 1);
    requireFloats("softmax", "x", x, rows, columns);
    requireFloats("softmax", "y", y, rows, columns);
  }

  static void activate(MemorySegment x, MemorySegment y, long count) {
    if (count < 0) {
      throw new IllegalArgumentException("activate: count is " + count);
    }
    requireFloats("activate", "x", x, 1, count);
    requireFloats("activate", "y", y, 1, count);
  }

  static void pool(MemorySegment x, TokenBatch batch, MemorySegment y, long hidden) {
    requireSize("pool", "hidden", hidden, 1);
    requireComplete("pool", batch);
    for (int s = 0; s < batch.sequences(); s++) {
      if (batch.length(s) == 0) {
        throw new IllegalArgumentException("pool: sequence " + s + " has no token");
      }
    }
    requireFloats("pool", "x", x, batch.tokens(), hidden);
    requireFloats("pool", "y", y, batch.sequences(), hidden);
    requireDisjoint("pool", y, batch.sequences() * hidden, "x", x, batch.tokens() * hidden);
  }

  static void pack(
      String name, MemorySegment weight, DType dtype, long out, long in, Precision precision) {
    requireWeight(name, out, in, precision);
    if (dtype == DType.F32) {
      requireFloats(name, "weight", weight, out, in);
    } else if (dtype != DType.F16 && dtype != DType.BF16) {
      throw new IllegalArgumentException(name + ": weight is " + dtype + ", not floats");
    } else if (weight.byteSize() / dtype.bytes() < out * in || !weight.isNative()) {
      throw new IllegalArgumentException(
          String.format(
              "%s: weight has %d bytes, but [%d, %d] %s needs %d",
              name, weight.byteSize(), out, in, dtype, out * in * dtype.bytes()));
    }
  }

  static void packed(String name, MemorySegment packed, long out, long in, Precision precision) {
    requireWeight(name, out, in, precision);
    if (precision == Precision.FP32) {
      throw new IllegalArgumentException(name + ": weights in fp32 are packed where they are used");
    }
    if (!packed.isNative() || packed.address() % NativeMemory.ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          name + ": packed is on the heap, or not aligned to " + NativeMemory.ALIGNMENT);
    }
  }

  private static void requireWeight(String name, long out, long in, Precision precision) {
    requireSize(name, "out", out, 1);
    requireSize(name, "in", in, 1);
    if (precision == Precision.INT8 && in > MAX_INT8_FEATURES) {
      throw new IllegalArgumentException(
          name + ": in is " + in + ", more than the " + MAX_INT8_FEATURES + " of int8");
    }
  }

  static IllegalArgumentException notPacked(String name, long out, long in, Precision precision) {
    return new IllegalArgumentException(
        String.format("%s: not a packed weight [%d, %d] in %s", name, out, in, precision));
  }

  static boolean isAbsent(MemorySegment segment) {
    return segment.address() == 0 && segment.byteSize() == 0;
  }

  static void requireSize(String kernel, String name, long size, long min) {
    if (size < min || size > MAX_DIMENSION) {
      throw new IllegalArgumentException(
          kernel + ": " + name + " is " + size + ", not in " + min + " to " + MAX_DIMENSION);
    }
  }

  static void requireFloatsOrAbsent(
      String kernel, String name, MemorySegment segment, long rows, long columns) {
    if (!isAbsent(segment)) {
      requireFloats(kernel, name, segment, rows, columns);
    }
  }

  static void requireFloats(
      String kernel, String name, MemorySegment segment, long rows, long columns) {
    // Both factors are below 2^31, or one of them is 1.
    if (floats(segment) < rows * columns || !segment.isNative()) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + name
              + " "
              + received(segment)
              + ", but ["
              + rows
              + ", "
              + columns
              + "] float32 needs "
              + rows * columns);
    }
  }

  private static String received(MemorySegment segment) {
    return segment.isNative() ? "has " + floats(segment) + " floats" : "is on the heap";
  }

  private static long floats(MemorySegment segment) {
    return segment.byteSize() / Float.BYTES;
  }

  static void requireDisjoint(
      String kernel,
      MemorySegment y,
      long yFloats,
      String name,
      MemorySegment input,
      long inputFloats) {
    long yEnd = y.address() + yFloats * Float.BYTES;
    long inputEnd = input.address() + inputFloats * Float.BYTES;
    if (y.address() < inputEnd && input.address() < yEnd) {
      throw new IllegalArgumentException(kernel + ": y overlaps " + name);
    }
  }

  private static void requireComplete(String kernel, TokenBatch batch) {
    if (batch.start(batch.sequences()) != batch.tokens()) {
      throw new IllegalArgumentException(
          kernel
              + ": the last "
              + (batch.tokens() - batch.start(batch.sequences()))
              + " tokens of the batch belong to no sequence");
    }
  }

  private static void requireCumulative(
      String name, MemorySegment lengths, long sequences, long tokens) {
    requireSize("attention", "tokens", tokens, 0);
    if (lengths.byteSize() / Integer.BYTES < sequences + 1 || !lengths.isNative()) {
      throw new IllegalArgumentException(
          "attention: " + name + " needs " + (sequences + 1) + " int32");
    }
    int previous = lengths.get(JAVA_INT, 0);
    boolean ascending = previous == 0;
    for (long s = 1; s <= sequences; s++) {
      int next = lengths.getAtIndex(JAVA_INT, s);
      ascending &= next >= previous;
      previous = next;
    }
    if (!ascending || previous != tokens) {
      throw new IndexOutOfBoundsException(
          "attention: " + name + " does not ascend from 0 to " + tokens);
    }
  }

  /** Returns the floats from the start of the segment to the end of the last element. */
  private static long requireStrided(
      String kernel,
      String name,
      MemorySegment segment,
      long offset,
      long tokens,
      long tokenStride,
      long heads,
      long headStride,
      long headDim) {
    if (tokens == 0) {
      return 0;
    }
    if (offset < 0
        || tokenStride < 0
        || headStride < 0
        || tokenStride > MAX_DIMENSION
        || headStride > MAX_DIMENSION) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + name
              + " has offset "
              + offset
              + ", token stride "
              + tokenStride
              + ", head stride "
              + headStride);
    }
    long end = Math.addExact(offset, (tokens - 1) * tokenStride);
    end = Math.addExact(end, (heads - 1) * headStride + headDim);
    if (floats(segment) < end || !segment.isNative()) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + name
              + " "
              + received(segment)
              + ", but "
              + tokens
              + " tokens (stride "
              + tokenStride
              + "), "
              + heads
              + " heads (stride "
              + headStride
              + ") of "
              + headDim
              + " from "
              + offset
              + " need "
              + end);
    }
    return end;
  }

  private static void requireBias(Attention a) {
    if (a.biasOffset < 0 || a.biasSequenceStride < 0 || a.biasHeadStride < 0) {
      throw new IllegalArgumentException("attention: negative offset or stride of bias");
    }
    for (long s = 0; s < a.sequences; s++) {
      long queries =
          a.cuSeqlensQ.getAtIndex(JAVA_INT, s + 1) - a.cuSeqlensQ.getAtIndex(JAVA_INT, s);
      long keys = a.cuSeqlensKv.getAtIndex(JAVA_INT, s + 1) - a.cuSeqlensKv.getAtIndex(JAVA_INT, s);
      if (queries == 0 || keys == 0) {
        continue;
      }
      long last = Math.multiplyExact(queries - 1, a.biasQueryStride);
      long begin = Math.addExact(a.biasOffset, Math.multiplyExact(s, a.biasSequenceStride));
      if (begin + Math.min(last, 0) < 0) {
        throw new IllegalArgumentException(
            "attention: bias of sequence "
                + s
                + " begins "
                + -(begin + last)
                + " before its memory");
      }
      long end = Math.addExact(begin, Math.multiplyExact(a.heads - 1, a.biasHeadStride));
      end = Math.addExact(end, Math.max(last, 0));
      end = Math.addExact(end, keys);
      if (floats(a.bias) < end || !a.bias.isNative()) {
        throw new IllegalArgumentException(
            "attention: bias " + received(a.bias) + ", but sequence " + s + " needs " + end);
      }
    }
  }
}
