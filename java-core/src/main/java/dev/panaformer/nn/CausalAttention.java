package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.decoding.CachedAttention;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.DistanceBias;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Causal self-attention of a decoder over its key-value cache. Each token attends to itself and to
 * the tokens before it.
 *
 * @param qkv {@code [(heads + 2 kvHeads) * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param rotary the rotary position embedding of queries and keys; empty if positions are embedded
 *     with the words
 * @param scale applied to the products of queries and keys, usually {@code 1/√headDim}
 * @param window the number of tokens that a token attends to, itself included; 0 for all
 * @param bias added to the scaled scores
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

  private static final Buffer QKV = Buffer.named("queries, keys, values of a decoder");
  private static final Buffer QUERIES = Buffer.named("queries of retained rows of a decoder");
  private static final Buffer CONTEXT = Buffer.named("context of a decoder");

  /**
   * {@code x += attention(in)}. Keys and values are computed for all tokens. Queries and the result
   * are used for the {@linkplain Pass#rows rows} of the pass only.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}; {@code [rows, hidden]} afterwards
   */
  public void add(DecoderPass pass, MemorySegment in, MemorySegment x) {
    Kernels kernels = pass.kernels();
    Workspace workspace = pass.workspace();
    DecoderBatch batch = pass.decoderBatch();
    RowSelection rows = pass.rows();
    int tokens = batch.tokens().tokens();
    long row = qkv.out();
    long width = output.in();
    MemorySegment projected = pass.floats(QKV, tokens * row);
    MemorySegment context = pass.floats(CONTEXT, rows.count() * width);
    qkv.forward(pass, in, projected, tokens);
    if (rotary.isPresent()) {
      kernels.attention().rope(rotary.get(), projected, batch.tokens(), workspace);
    }
    kernels.decoding().kvStore(projected, width, row, batch, pass.cached(), workspace);
    MemorySegment queries = projected;
    if (!rows.isAll()) {
      // From here on x is only the residual, so the other rows of x are dropped. The gather copies
      // whole rows, keys and values included, because there are few of them.
      pass.retainRows(x, output.out());
      queries = pass.floats(QUERIES, rows.count() * row);
      kernels.memory().gather(projected, row, rows.rows(), queries, workspace);
    }
    CachedAttention attention =
        CachedAttention.in(workspace)
            .of(heads, scale)
            .window(window)
            .bias(bias)
            .over(batch, pass.cached())
            .queries(rows.isAll() ? batch.all() : rows)
            .query(queries, row)
            .output(context);
    kernels.decoding().pagedAttention(attention, workspace);
    output.add(pass, context, x, rows.count());
  }
}
