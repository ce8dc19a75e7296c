package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.PerformerShape;
import dev.panaformer.kernel.attention.RandomFeatures;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Self-attention by random features (Choromanski et al. 2021).
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param shape whose features' weight alone may change, while no pass runs
 */
public record PerformerAttention(Linear qkv, Linear output, PerformerShape shape)
    implements EncoderAttention {
  /**
   * @param features the same for every head
   * @param causal whether a token sees those up to its own only
   */
  public PerformerAttention(
      Linear qkv, Linear output, int heads, RandomFeatures features, boolean causal) {
    this(qkv, output, new PerformerShape(features, heads, causal));
  }

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    int tokens = batch.tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * qkv.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * output.in());
    qkv.forward(kernels, in, projected, tokens);
    kernels.attention().performerAttention(projected, shape, batch, context, workspace);
    output.add(kernels, context, x, tokens);
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
