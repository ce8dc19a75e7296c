package dev.panaformer.kernel.attention;

import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * The arguments of {@link AttentionKernels#attention}: {@code y = softmax(scale q kᵀ + bias) v} for
 * every sequence and head. A call has thirty arguments and must not allocate, so this object is
 * mutable and each {@link Workspace} reuses one.
 *
 * <p>Element {@code (token t, head h, feature d)} of a tensor is at {@code offset + t * tokenStride
 * + h * headStride + d}, in floats. Call {@link #of} first, which resets all arguments. Then call
 * either {@link #packed}, or {@link #query}, {@link #keys}, {@link #output} and {@link #sequences}.
 * {@link #bias} and {@link #causal} are optional.
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

  /** Returns the object that a workspace reuses for all calls of {@link AttentionKernels}. */
  public static Attention in(Workspace workspace) {
    return workspace.reused(CALL);
  }

  /**
   * Resets all arguments: no tensors, no bias, no causal mask.
   *
   * @param heads the number of heads of queries and output
   * @param kvHeads the number of heads of keys and values, a divisor of {@code heads}. Query head h
   *     reads key and value head {@code h / (heads / kvHeads)}.
   * @param headDim the number of features of a head, at most 256
   * @param scale the factor of {@code q kᵀ}, usually {@code 1/√headDim}
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

  /**
   * Sets a causal mask: query i of a sequence attends only to the keys {@code j <= i + (keys -
   * queries)}.
   */
  public Attention causal() {
    causal = true;
    return this;
  }

  /**
   * Sets the tensors of self-attention whose queries, keys and values are in one tensor.
   *
   * @param qkv {@code [tokens, (heads + 2 kvHeads) * headDim]}: queries, then keys, then values
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
   * Sets the queries.
   *
   * @param q the tensor, with offset and strides in floats
   * @param cuSeqlens int32 {@code [sequences + 1]}, cumulative lengths from 0 to {@code tokens}
   * @param tokens the number of queries of all sequences
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

  /**
   * Sets the keys and values. Both have the same strides.
   *
   * @param cuSeqlens int32 {@code [sequences + 1]}, cumulative lengths from 0 to {@code tokens}
   * @param tokens the number of keys of all sequences
   */
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

  /** Sets the output, which must not overlap an input. */
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
   * Sets a bias that is added to the scaled scores. For query i and key j of sequence s (both
   * counted from the start of the sequence) it is the element at {@code s * sequenceStride + head *
   * headStride + i * queryStride + j}. A stride of 0 shares the bias along that dimension.
   */
  public Attention bias(
      MemorySegment bias, long sequenceStride, long headStride, long queryStride) {
    return bias(bias, 0, sequenceStride, headStride, queryStride);
  }

  /**
   * Sets a bias as above, with {@code offset} added to every index. A query stride of -1 makes the
   * bias depend on the distance {@code j - i} only; the offset is then the index of distance 0.
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
