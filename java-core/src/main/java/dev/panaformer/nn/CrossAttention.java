package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.decoding.CachedAttention;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Attention of a decoder's tokens to the text that an encoder read (Vaswani et al. 2017, section
 * 3.2.3). Keys and values are computed once for each text, and lie in the pages of the decoder's
 * cache from then on, which all that is generated from the text shares.
 *
 * @param query {@code [heads * headDim, hidden]}
 * @param keysValues {@code [2 heads * headDim, hidden]}: keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param scale applied to the products of queries and keys, usually {@code 1/√headDim}
 */
public record CrossAttention(
    Linear query, Linear keysValues, Linear output, int heads, float scale) {

  /**
   * Computes and keeps keys and values.
   *
   * @param encoded {@code [tokens, hidden]}, what the encoder made of the sources
   * @param sources where they belong in the cache
   */
  public void store(
      Kernels kernels,
      MemorySegment encoded,
      DecoderBatch sources,
      KvCache cache,
      int layer,
      Workspace workspace) {
    int tokens = sources.tokens().tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * keysValues.out());
    keysValues.forward(kernels, encoded, projected, tokens);
    kernels
        .decoding()
        .kvStore(projected, 0, keysValues.out(), sources, cache.layer(layer), workspace);
  }

  /** Told what a pass asks of its sources. */
  @FunctionalInterface
  public interface Observer {
    /**
     * @param queries {@code [tokens, heads * headDim]} of a layer, to be read before this returns
     */
    void accept(int layer, MemorySegment queries);
  }

  /**
   * {@code x += attention(in)}.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}
   * @param observer or null
   */
  public void add(
      Kernels kernels,
      MemorySegment in,
      MemorySegment x,
      DecoderBatch batch,
      KvCache cache,
      int layer,
      Workspace workspace,
      Observer observer) {
    int tokens = batch.tokens().tokens();
    MemorySegment queries = workspace.floats(Buffer.QKV, tokens * query.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * query.out());
    query.forward(kernels, in, queries, tokens);
    if (observer != null) {
      observer.accept(layer, queries);
    }
    kernels
        .decoding()
        .crossAttention(
            CachedAttention.in(workspace)
                .of(heads, scale)
                .over(batch, cache.layer(layer))
                .query(queries, (long) heads * cache.headDim())
                .output(context),
            workspace);
    output.add(kernels, context, x, tokens);
  }
}
