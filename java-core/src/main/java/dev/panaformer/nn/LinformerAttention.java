package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.LinformerShape;
import dev.panaformer.kernel.attention.SequenceProjections;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Self-attention over keys and values that are projected to a fixed number along the sequence (Wang
 * et al. 2020).
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 */
public record LinformerAttention(Linear qkv, Linear output, LinformerShape shape)
    implements EncoderAttention {
  /**
   * @param projections the same for every head
   */
  public LinformerAttention(
      Linear qkv, Linear output, int heads, int headDim, SequenceProjections projections) {
    this(
        qkv,
        output,
        new LinformerShape(projections, heads, headDim, (float) (1 / Math.sqrt(headDim))));
  }

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    int tokens = batch.tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * qkv.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * output.in());
    qkv.forward(kernels, in, projected, tokens);
    kernels.attention().linformerAttention(projected, shape, batch, context, workspace);
    output.add(kernels, context, x, tokens);
  }
}
