package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Multi-head self-attention with its residual connection, normalised afterwards (Vaswani et al.
 * 2017): {@code x = norm(x + output(attention(qkv(x))))}.
 *
 * @param qkv {@code [3 hidden, hidden]}: query, key and value projections
 * @param output {@code [hidden, hidden]}
 */
public record SelfAttention(Linear qkv, Linear output, LayerNorm norm, int heads, int headDim) {

  /**
   * @param x {@code [tokens, hidden]}, read and overwritten
   */
  public void forward(Kernels kernels, MemorySegment x, TokenBatch batch, Workspace workspace) {
    int tokens = batch.tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * qkv.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * output.in());
    qkv.forward(kernels, x, projected, tokens);
    float scale = (float) (1 / Math.sqrt(headDim));
    kernels.attention(
        workspace.attention().of(heads, heads, headDim, scale).packed(projected, context, batch),
        workspace);
    output.add(kernels, context, x, tokens);
    norm.forward(kernels, x, x, tokens);
  }
}
