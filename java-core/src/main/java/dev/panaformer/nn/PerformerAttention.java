package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.RandomFeatures;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Self-attention by random features (Choromanski et al. 2021).
 *
 * @param qkv {@code [3 * heads * headDim, hidden]}: queries, keys, values
 * @param output {@code [hidden, heads * headDim]}
 * @param features the same for every head; their weight alone may change, while no pass runs
 * @param causal whether a token sees those up to its own only
 */
public record PerformerAttention(
    Linear qkv, Linear output, int heads, RandomFeatures features, boolean causal)
    implements EncoderAttention {

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    int tokens = batch.tokens();
    MemorySegment projected = workspace.floats(Buffer.QKV, tokens * qkv.out());
    MemorySegment context = workspace.floats(Buffer.CONTEXT, tokens * output.in());
    qkv.forward(kernels, in, projected, tokens);
    kernels.performerAttention(projected, features, batch, context, heads, causal, workspace);
    output.add(kernels, context, x, tokens);
  }

  @Override
  public void redrawFeatures(Kernels kernels, long seed) {
    int count = Math.toIntExact(features.count());
    float[] drawn = OrthogonalFeatures.draw(seed, count, Math.toIntExact(features.headDim()));
    try (Arena host = Arena.ofConfined()) {
      MemorySegment placed = host.allocateFrom(JAVA_FLOAT, drawn);
      kernels.copy(placed, 0, features.weight(), 0, drawn.length);
    }
  }
}
