package dev.panaformer.nn;

import dev.panaformer.kernel.decoding.CachedAttention;
import dev.panaformer.kernel.memory.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Cross-attention: the tokens of a decoder attend to the hidden states of an encoder (Vaswani et
 * al. 2017, section 3.2.3). Keys and values are computed once for each source text and stored in
 * pages of the decoder's cache. All sequences that are generated from one source share these pages.
 *
 * @param query {@code [heads * headDim, hidden]}
 * @param keysValues {@code [2 heads * headDim, hidden]}: keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param scale applied to the products of queries and keys, usually {@code 1/√headDim}
 */
public record CrossAttention(
    Linear query, Linear keysValues, Linear output, int heads, float scale) {

  private static final Buffer KEYS_VALUES = Buffer.named("keys and values of a source");
  private static final Buffer QUERIES = Buffer.named("queries to a source");
  private static final Buffer CONTEXT = Buffer.named("context of a source");

  /**
   * Computes keys and values and stores them in the cache.
   *
   * @param pass a pass over the source texts
   * @param encoded {@code [tokens, hidden]}, the encoder's last hidden states of the sources
   */
  public void store(DecoderPass pass, MemorySegment encoded) {
    int tokens = pass.batch().tokens();
    MemorySegment projected = pass.floats(KEYS_VALUES, tokens * keysValues.out());
    keysValues.forward(pass, encoded, projected, tokens);
    pass.kernels()
        .decoding()
        .kvStore(
            projected, 0, keysValues.out(), pass.decoderBatch(), pass.cached(), pass.workspace());
  }

  /**
   * {@code x += attention(in)}, for all tokens.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}
   */
  public void add(DecoderPass pass, MemorySegment in, MemorySegment x) {
    int tokens = pass.batch().tokens();
    MemorySegment queries = pass.floats(QUERIES, tokens * query.out());
    MemorySegment context = pass.floats(CONTEXT, tokens * query.out());
    query.forward(pass, in, queries, tokens);
    pass.report("cross_attention_queries", pass.layer(), queries, tokens, query.out());
    CachedAttention attention =
        CachedAttention.in(pass.workspace())
            .of(heads, scale)
            .over(pass.decoderBatch(), pass.cached())
            .query(queries, query.out())
            .output(context);
    pass.kernels().decoding().crossAttention(attention, pass.workspace());
    output.add(pass, context, x, tokens);
  }
}
