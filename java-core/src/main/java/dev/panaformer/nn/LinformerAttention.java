package dev.panaformer.nn;

import dev.panaformer.kernel.attention.LinformerShape;
import dev.panaformer.kernel.attention.SequenceProjections;
import dev.panaformer.kernel.memory.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Self-attention of Linformer (Wang et al. 2020). Keys and values are projected along the sequence
 * to a fixed number of rows, so the cost is linear in the length of the sequence.
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 */
public record LinformerAttention(Linear qkv, Linear output, LinformerShape shape)
    implements EncoderAttention {
  private static final Buffer QKV = Buffer.named("queries, keys, values");
  private static final Buffer CONTEXT = Buffer.named("context");

  /**
   * @param projections along the sequence, shared by all heads
   */
  public LinformerAttention(
      Linear qkv, Linear output, int heads, int headDim, SequenceProjections projections) {
    this(
        qkv,
        output,
        new LinformerShape(projections, heads, headDim, (float) (1 / Math.sqrt(headDim))));
  }

  @Override
  public void add(Pass pass, MemorySegment in, MemorySegment x) {
    int tokens = pass.batch().tokens();
    MemorySegment projected = pass.floats(QKV, tokens * qkv.out());
    MemorySegment context = pass.floats(CONTEXT, tokens * output.in());
    qkv.forward(pass, in, projected, tokens);
    pass.kernels()
        .attention()
        .linformerAttention(projected, shape, pass.batch(), context, pass.workspace());
    output.add(pass, context, x, tokens);
    pass.retainRows(x, output.out());
  }
}
