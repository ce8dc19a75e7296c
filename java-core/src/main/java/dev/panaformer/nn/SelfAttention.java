package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Multi-head self-attention of whole sequences (Vaswani et al. 2017): {@code
 * output(attention(qkv(x)))}.
 *
 * @param qkv {@code [(heads + 2 kvHeads) * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param kvHeads a divisor of {@code heads}: so many query heads share a key and a value head
 * @param scale applied to the products of queries and keys, usually {@code 1/√headDim}
 * @param rotary turns queries and keys by their positions
 * @param relative adds to their products by their distances
 */
public record SelfAttention(
    Linear qkv,
    Linear output,
    int heads,
    int kvHeads,
    int headDim,
    float scale,
    Optional<Rotation> rotary,
    Optional<RelativePositions> relative)
    implements EncoderAttention {

  /** With positions that are embedded. */
  public SelfAttention(
      Linear qkv, Linear output, int heads, int kvHeads, int headDim, float scale) {
    this(qkv, output, heads, kvHeads, headDim, scale, Optional.empty(), Optional.empty());
  }

  /** With as many key heads as query heads, and the usual scale. */
  public SelfAttention(Linear qkv, Linear output, int heads, int headDim) {
    this(qkv, output, heads, heads, headDim, (float) (1 / Math.sqrt(headDim)));
  }

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    add(kernels, in, x, batch, batch, workspace);
  }

  @Override
  public void add(
      Kernels kernels,
      MemorySegment in,
      MemorySegment x,
      TokenBatch batch,
      TokenBatch queries,
      Workspace workspace) {
    int tokens = batch.tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * qkv.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, queries.tokens() * output.in());
    qkv.forward(kernels, in, projected, tokens);
    if (rotary.isPresent()) {
      kernels.attention().rope(rotary.get(), projected, batch, workspace);
    }
    Attention attention =
        Attention.in(workspace)
            .of(heads, kvHeads, headDim, scale)
            .packed(projected, context, batch);
    if (queries != batch) {
      // The projection has what the layer reads of x. Rows move whole, as they are few.
      kernels.memory().retainRows(x, tokens, output.out(), queries, workspace);
      MemorySegment rows = workspace.floats(Buffer.POOLED, queries.tokens() * qkv.out());
      kernels.memory().gather(projected, tokens, qkv.out(), queries, rows, workspace);
      attention.query(rows, 0, qkv.out(), headDim, queries.cuSeqlens(), queries.tokens());
    }
    if (relative.isPresent()) {
      relative.get().addTo(kernels, attention, batch, workspace);
    }
    kernels.attention().attention(attention, workspace);
    output.add(kernels, context, x, queries.tokens());
  }
}
