package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Multi-head self-attention in which all tokens of a sequence attend to each other (Vaswani et al.
 * 2017): {@code output(attention(qkv(x)))}.
 *
 * @param qkv {@code [(heads + 2 kvHeads) * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param kvHeads the number of key and value heads, a divisor of {@code heads}. Each is shared by
 *     {@code heads / kvHeads} query heads
 * @param scale applied to the products of queries and keys, usually {@code 1/√headDim}
 * @param rotary the rotary position embedding of queries and keys, if there is one
 * @param relative the bias on attention scores by distance, if there is one
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
  private static final Buffer QKV = Buffer.named("queries, keys, values");
  private static final Buffer QUERIES = Buffer.named("queries of retained rows");
  private static final Buffer CONTEXT = Buffer.named("context");

  /** Attention of a model whose positions are embedded with the words. */
  public SelfAttention(
      Linear qkv, Linear output, int heads, int kvHeads, int headDim, float scale) {
    this(qkv, output, heads, kvHeads, headDim, scale, Optional.empty(), Optional.empty());
  }

  /** Attention with as many key heads as query heads and a scale of {@code 1/√headDim}. */
  public SelfAttention(Linear qkv, Linear output, int heads, int headDim) {
    this(qkv, output, heads, heads, headDim, (float) (1 / Math.sqrt(headDim)));
  }

  @Override
  public void add(Pass pass, MemorySegment in, MemorySegment x) {
    Kernels kernels = pass.kernels();
    Workspace workspace = pass.workspace();
    TokenBatch batch = pass.batch();
    int tokens = batch.tokens();
    int rows = pass.rows().count();
    MemorySegment projected = pass.floats(QKV, tokens * qkv.out());
    MemorySegment context = pass.floats(CONTEXT, rows * output.in());
    qkv.forward(pass, in, projected, tokens);
    pass.report("qkv", pass.layer(), projected, tokens, qkv.out());
    if (rotary.isPresent()) {
      kernels.attention().rope(rotary.get(), projected, batch, workspace);
    }
    Attention attention =
        Attention.in(workspace)
            .of(heads, kvHeads, headDim, scale)
            .packed(projected, context, batch);
    if (!pass.rows().isAll()) {
      // From here on x is only the residual, so the other rows of x are dropped. The gather copies
      // whole rows, keys and values included, because there are few of them.
      pass.retainRows(x, output.out());
      MemorySegment queries = pass.floats(QUERIES, rows * qkv.out());
      kernels.memory().gather(projected, qkv.out(), pass.rows().rows(), queries, workspace);
      SequenceLengths lengths = pass.rows().lengths();
      attention.query(queries, 0, qkv.out(), headDim, lengths.cumulative(), rows);
    }
    if (relative.isPresent()) {
      relative.get().addTo(pass, attention);
    }
    kernels.attention().attention(attention, workspace);
    output.add(pass, context, x, rows);
  }
}
