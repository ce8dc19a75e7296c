package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.PerformerShape;
import dev.panaformer.kernel.attention.RandomFeatures;
import dev.panaformer.kernel.memory.Buffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Self-attention of Performer, which uses random features of queries and keys (Choromanski et al.
 * 2021). Its cost is linear in the length of the sequence.
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param shape sizes and random features. The values of the features may be replaced while no
 *     forward pass runs; nothing else changes
 */
public record PerformerAttention(Linear qkv, Linear output, PerformerShape shape)
    implements EncoderAttention {
  private static final Buffer QKV = Buffer.named("queries, keys, values");
  private static final Buffer CONTEXT = Buffer.named("context");

  /**
   * @param features random features, shared by all heads
   * @param causal whether a token attends only to itself and to the tokens before it
   */
  public PerformerAttention(
      Linear qkv, Linear output, int heads, RandomFeatures features, boolean causal) {
    this(qkv, output, new PerformerShape(features, heads, causal));
  }

  @Override
  public void add(Pass pass, MemorySegment in, MemorySegment x) {
    int tokens = pass.batch().tokens();
    MemorySegment projected = pass.floats(QKV, tokens * qkv.out());
    MemorySegment context = pass.floats(CONTEXT, tokens * output.in());
    qkv.forward(pass, in, projected, tokens);
    pass.kernels()
        .attention()
        .performerAttention(projected, shape, pass.batch(), context, pass.workspace());
    output.add(pass, context, x, tokens);
    pass.retainRows(x, output.out());
  }

  @Override
  public void redrawFeatures(Kernels kernels, long seed) {
    RandomFeatures features = shape.features();
    int count = Math.toIntExact(features.count());
    float[] drawn = OrthogonalFeatures.draw(seed, count, Math.toIntExact(features.headDim()));
    try (Arena host = Arena.ofConfined()) {
      MemorySegment placed = host.allocateFrom(JAVA_FLOAT, drawn);
      kernels.memory().copy(placed, 0, features.weight(), 0, drawn.length);
    }
  }
}
