package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.SequenceProjections;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Self-attention over keys and values that are projected to a fixed number along the sequence (Wang
 * et al. 2020).
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param projections the same for every head
 */
public record LinformerAttention(
    Linear qkv, Linear output, int heads, int headDim, SequenceProjections projections)
    implements EncoderAttention {

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    int tokens = batch.tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * qkv.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * output.in());
    float scale = (float) (1 / Math.sqrt(headDim));
    qkv.forward(kernels, in, projected, tokens);
    kernels.linformerAttention(
        projected, projections, batch, context, heads, headDim, scale, workspace);
    output.add(kernels, context, x, tokens);
  }
}
