package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * The arguments of attention over a key-value cache: {@code y = softmax(scale q kᵀ + bias) v}. This
 * object is mutable so that a call allocates nothing; each {@link Workspace} reuses one. Call
 * {@link #of} first, then {@link #over}, {@link #query} and {@link #output}. {@link #queries},
 * {@link #window} and {@link #bias} are optional.
 */
public final class CachedAttention {
  private static final Reused<CachedAttention> CALL = Reused.of(CachedAttention::new);

  MemorySegment q = MemorySegment.NULL;
  long tokenStride;
  MemorySegment y = MemorySegment.NULL;
  DecoderBatch batch;
  RowSelection queries;
  KvCache.Layer layer;
  long heads;
  float scale;
  long window;
  DistanceBias bias = DistanceBias.NONE;

  /** Returns the object that a workspace reuses for all calls of {@link DecodingKernels}. */
  public static CachedAttention in(Workspace workspace) {
    return workspace.reused(CALL);
  }

  /**
   * Sets heads and scale, and removes window and bias.
   *
   * @param heads the number of query heads, a multiple of the cache's number of key and value heads
   * @param scale the factor of {@code q kᵀ}, usually {@code 1/√headDim}
   */
  public CachedAttention of(long heads, float scale) {
    this.heads = heads;
    this.scale = scale;
    window = 0;
    bias = DistanceBias.NONE;
    return this;
  }

  /**
   * Limits attention to a window.
   *
   * @param tokens the number of tokens that a query attends to, including its own; 0 for all
   */
  public CachedAttention window(long tokens) {
    window = tokens;
    return this;
  }

  /** Sets the bias that is added to the scaled scores. */
  public CachedAttention bias(DistanceBias bias) {
    this.bias = bias;
    return this;
  }

  /**
   * Sets the batch and the layer of the cache. All tokens of the batch are queries; they attend to
   * the cached keys of their sequences.
   */
  public CachedAttention over(DecoderBatch batch, KvCache.Layer layer) {
    this.batch = batch;
    this.queries = batch.all();
    this.layer = layer;
    return this;
  }

  /**
   * Restricts the queries to some tokens of the batch. Call it after {@link #over}.
   *
   * @param queries for each sequence, a number of its last tokens, or none
   */
  public CachedAttention queries(RowSelection queries) {
    this.queries = queries;
    return this;
  }

  /**
   * Sets the queries.
   *
   * @param q one row of {@code tokenStride} floats for each query. A row begins with the query's
   *     {@code heads * headDim} features.
   */
  public CachedAttention query(MemorySegment q, long tokenStride) {
    this.q = q;
    this.tokenStride = tokenStride;
    return this;
  }

  /**
   * Sets the output.
   *
   * @param y {@code [queries, heads * headDim]}; must not overlap q
   */
  public CachedAttention output(MemorySegment y) {
    this.y = y;
    return this;
  }
}
