package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Multi-head self-attention over the keys that the batch lists for each block of queries.
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param lists the number of the lists; see {@link TokenBatch#keyLists}
 */
public record SparseAttention(Linear qkv, Linear output, int heads, int headDim, int lists)
    implements EncoderAttention {

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    MemorySegment context = attend(kernels, in, batch, workspace);
    output.add(kernels, context, x, batch.tokens());
  }

  /** What goes into the output, {@code [tokens, heads * headDim]}. */
  MemorySegment attend(Kernels kernels, MemorySegment in, TokenBatch batch, Workspace workspace) {
    int tokens = batch.tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * qkv.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * output.in());
    qkv.forward(kernels, in, projected, tokens);
    kernels
        .attention()
        .sparseAttention(
            Attention.in(workspace)
                .of(heads, heads, headDim, scale())
                .packed(projected, context, batch),
            batch.keyLists(lists),
            workspace);
    return context;
  }

  float scale() {
    return (float) (1 / Math.sqrt(headDim));
  }
}
