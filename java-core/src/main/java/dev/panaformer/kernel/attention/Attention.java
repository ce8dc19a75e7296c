package dev.panaformer.kernel.attention;

import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * The arguments of {@link AttentionKernels#attention}: {@code y = softmax(scale q kᵀ + bias) v} for
 * every sequence and head. A call has thirty arguments and must not allocate, so this object is
 * mutable and every {@link Workspace} reuses one.
 *
 * <p>Element {@code (token t, head h, feature d)} of a tensor is at {@code offset + t * tokenStride
 * + h * headStride + d}, in floats. {@link #of} starts over; then either {@link #packed} or all of
 * {@link #query}, {@link #keys}, {@link #output} and, if need be, {@link #bias} and {@link
 * #causal}.
 */
public final class Attention {
  private static final Reused<Attention> CALL = Reused.of(Attention::new);

  MemorySegment q = MemorySegment.NULL;
  MemorySegment k = MemorySegment.NULL;
  MemorySegment v = MemorySegment.NULL;
  MemorySegment y = MemorySegment.NULL;
  MemorySegment bias = MemorySegment.NULL;
  MemorySegment cuSeqlensQ = MemorySegment.NULL;
  MemorySegment cuSeqlensKv = MemorySegment.NULL;
  long qOffset;
  long kOffset;
  long vOffset;
  long qTokenStride;
  long qHeadStride;
  long kvTokenStride;
  long kvHeadStride;
  long yTokenStride;
  long yHeadStride;
  long biasOffset;
  long biasSequenceStride;
  long biasHeadStride;
  long biasQueryStride;
  long qTokens;
  long kvTokens;
  long sequences;
  long heads;
  long kvHeads;
  long headDim;
  float scale;
  boolean causal;

  /** The object that a workspace reuses for every call of {@link AttentionKernels}. */
  public static Attention in(Workspace workspace) {
    return workspace.reused(CALL);
  }

  /**
   * Starts over with no tensors, no bias and no causal mask.
   *
   * @param heads of the queries and the output
   * @param kvHeads of keys and values, a divisor of {@code heads}: query head h reads {@code h /
   *     (heads / kvHeads)}
   * @param headDim features of a head, at most 256
   * @param scale applied to {@code q kᵀ}, usually {@code 1/√headDim}
   */
  public Attention of(long heads, long kvHeads, long headDim, float scale) {
    this.heads = heads;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.scale = scale;
    causal = false;
    q = MemorySegment.NULL;
    k = MemorySegment.NULL;
    v = MemorySegment.NULL;
    y = MemorySegment.NULL;
    bias = MemorySegment.NULL;
    biasOffset = 0;
    return this;
  }

  /** Query i of a sequence sees the keys {@code j <= i + (keys - queries)} only. */
  public Attention causal() {
    causal = true;
    return this;
  }

  /**
   * Self-attention over one projection.
   *
   * @param qkv {@code [tokens, (heads + 2 kvHeads) * headDim]}: queries, keys, values
   * @param y {@code [tokens, heads * headDim]}
   */
  public Attention packed(MemorySegment qkv, MemorySegment y, TokenBatch batch) {
    long queries = heads * headDim;
    long keys = kvHeads * headDim;
    long row = queries + 2 * keys;
    query(qkv, 0, row, headDim, batch.cuSeqlens(), batch.tokens());
    keys(qkv, queries, qkv, queries + keys, row, headDim, batch.cuSeqlens(), batch.tokens());
    return output(y, queries, headDim).sequences(batch.sequences());
  }

  /**
   * @param cuSeqlens int32 {@code [sequences + 1]}, cumulative lengths from 0 to {@code tokens}
   */
  public Attention query(
      MemorySegment q,
      long offset,
      long tokenStride,
      long headStride,
      MemorySegment cuSeqlens,
      long tokens) {
    this.q = q;
    qOffset = offset;
    qTokenStride = tokenStride;
    qHeadStride = headStride;
    cuSeqlensQ = cuSeqlens;
    qTokens = tokens;
    return this;
  }

  /** Keys and values, which share their strides. */
  public Attention keys(
      MemorySegment k,
      long kOffset,
      MemorySegment v,
      long vOffset,
      long tokenStride,
      long headStride,
      MemorySegment cuSeqlens,
      long tokens) {
    this.k = k;
    this.kOffset = kOffset;
    this.v = v;
    this.vOffset = vOffset;
    kvTokenStride = tokenStride;
    kvHeadStride = headStride;
    cuSeqlensKv = cuSeqlens;
    kvTokens = tokens;
    return this;
  }

  /** Where the result goes; it overlaps no input. */
  public Attention output(MemorySegment y, long tokenStride, long headStride) {
    this.y = y;
    yTokenStride = tokenStride;
    yHeadStride = headStride;
    return this;
  }

  public Attention sequences(long sequences) {
    this.sequences = sequences;
    return this;
  }

  /**
   * Added to the scaled scores: for query i and key j, counted within sequence s, the element at
   * {@code s * sequenceStride + head * headStride + i * queryStride + j}. A stride of 0 shares.
   */
  public Attention bias(
      MemorySegment bias, long sequenceStride, long headStride, long queryStride) {
    return bias(bias, 0, sequenceStride, headStride, queryStride);
  }

  /**
   * The same, from an offset on. With a query stride of -1 a row of the table belongs to a distance
   * {@code j - i}, and the offset is that of distance 0.
   */
  public Attention bias(
      MemorySegment bias, long offset, long sequenceStride, long headStride, long queryStride) {
    this.bias = bias;
    biasOffset = offset;
    biasSequenceStride = sequenceStride;
    biasHeadStride = headStride;
    biasQueryStride = queryStride;
    return this;
  }
}
