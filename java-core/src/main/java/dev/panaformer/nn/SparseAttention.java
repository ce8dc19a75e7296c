package dev.panaformer.nn;

import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;

/**
 * Multi-head self-attention over the keys that the batch lists for each block of queries.
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param lists the index of the key lists; see {@link TokenBatch#keyLists}
 */
public record SparseAttention(Linear qkv, Linear output, int heads, int headDim, int lists)
    implements EncoderAttention {
  private static final Buffer QKV = Buffer.named("queries, keys, values");
  private static final Buffer CONTEXT = Buffer.named("context");

  @Override
  public void add(Pass pass, MemorySegment in, MemorySegment x) {
    MemorySegment context = attend(pass, in);
    output.add(pass, context, x, pass.batch().tokens());
    pass.retainRows(x, output.out());
  }

  /**
   * Evaluates attention without the output projection. Returns the context {@code [tokens, heads *
   * headDim]}.
   */
  MemorySegment attend(Pass pass, MemorySegment in) {
    TokenBatch batch = pass.batch();
    int tokens = batch.tokens();
    MemorySegment projected = pass.floats(QKV, tokens * qkv.out());
    MemorySegment context = pass.floats(CONTEXT, tokens * output.in());
    qkv.forward(pass, in, projected, tokens);
    Attention attention =
        Attention.in(pass.workspace())
            .of(heads, heads, headDim, scale())
            .packed(projected, context, batch);
    pass.kernels().attention().sparseAttention(attention, batch.keyLists(lists), pass.workspace());
    return context;
  }

  float scale() {
    return (float) (1 / Math.sqrt(headDim));
  }
}
