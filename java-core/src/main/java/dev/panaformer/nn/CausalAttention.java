package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.decoding.CachedAttention;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.DistanceBias;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Self-attention of a decoder over its key-value cache: each token sees those before it.
 *
 * @param qkv {@code [(heads + 2 kvHeads) * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param rotary turns queries and keys by their positions, where positions are not embedded
 * @param scale applied to the products of queries and keys, usually {@code 1/√headDim}
 * @param window how many tokens a token sees, itself included; 0 for all
 * @param bias what is added to the scaled scores
 */
public record CausalAttention(
    Linear qkv,
    Linear output,
    Optional<Rotation> rotary,
    int heads,
    int kvHeads,
    int headDim,
    float scale,
    long window,
    DistanceBias bias) {

  /**
   * {@code x += attention(in)} for some tokens of a pass, whose keys and values are those of all.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}; its first rows are those of the queries afterwards
   * @param queries the batch's tokens, or its {@linkplain DecoderBatch#queries queries}
   * @param layer whose part of the cache is written and read
   */
  public void add(
      Kernels kernels,
      MemorySegment in,
      MemorySegment x,
      DecoderBatch batch,
      TokenBatch queries,
      KvCache cache,
      int layer,
      Workspace workspace) {
    int tokens = batch.tokens().tokens();
    long row = qkv.out();
    long width = output.in();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * row);
    MemorySegment context = workspace.floats(Buffer.CONTEXT, queries.tokens() * width);
    qkv.forward(kernels, in, projected, tokens);
    if (rotary.isPresent()) {
      kernels.attention().rope(rotary.get(), projected, batch.tokens(), workspace);
    }
    kernels.decoding().kvStore(projected, width, row, batch, cache.layer(layer), workspace);
    MemorySegment asked = projected;
    if (queries != batch.tokens()) {
      // The projection has what the layer reads of x. Rows move whole, as they are few.
      kernels.memory().retainRows(x, tokens, output.out(), queries, workspace);
      asked = workspace.floats(Buffer.POOLED, queries.tokens() * row);
      kernels.memory().gather(projected, tokens, row, queries, asked, workspace);
    }
    kernels
        .decoding()
        .pagedAttention(
            CachedAttention.in(workspace)
                .of(heads, scale)
                .window(window)
                .bias(bias)
                .over(batch, cache.layer(layer))
                .queries(queries)
                .query(asked, row)
                .output(context),
            workspace);
    output.add(kernels, context, x, queries.tokens());
  }
}
