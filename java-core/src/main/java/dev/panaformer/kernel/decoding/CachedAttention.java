package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * The arguments of attention over a key-value cache: {@code y = softmax(scale q kᵀ + bias) v}.
 * Mutable, so that a call allocates nothing; every {@link Workspace} reuses one. {@link #of} starts
 * over.
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

  /** The object that a workspace reuses for every call of {@link DecodingKernels}. */
  public static CachedAttention in(Workspace workspace) {
    return workspace.reused(CALL);
  }

  /**
   * Starts over with neither window nor bias.
   *
   * @param heads of the queries, a multiple of the cache's
   * @param scale applied to {@code q kᵀ}, usually {@code 1/√headDim}
   */
  public CachedAttention of(long heads, float scale) {
    this.heads = heads;
    this.scale = scale;
    window = 0;
    bias = DistanceBias.NONE;
    return this;
  }

  /**
   * @param tokens how many tokens a query sees, its own included; 0 for all
   */
  public CachedAttention window(long tokens) {
    window = tokens;
    return this;
  }

  /** What is added to the scaled scores. */
  public CachedAttention bias(DistanceBias bias) {
    this.bias = bias;
    return this;
  }

  /** Queries of all tokens of a batch; the keys are all that the layer has of their sequences. */
  public CachedAttention over(DecoderBatch batch, KvCache.Layer layer) {
    this.batch = batch;
    this.queries = batch.all();
    this.layer = layer;
    return this;
  }

  /**
   * Queries of some tokens only.
   *
   * @param queries of each sequence of the batch its last tokens, or none
   */
  public CachedAttention queries(RowSelection queries) {
    this.queries = queries;
    return this;
  }

  /**
   * @param q rows of {@code tokenStride} floats that begin with the queries, {@code heads *
   *     headDim}
   */
  public CachedAttention query(MemorySegment q, long tokenStride) {
    this.q = q;
    this.tokenStride = tokenStride;
    return this;
  }

  /**
   * @param y {@code [queries, heads * headDim]}
   */
  public CachedAttention output(MemorySegment y) {
    this.y = y;
    return this;
  }
}
