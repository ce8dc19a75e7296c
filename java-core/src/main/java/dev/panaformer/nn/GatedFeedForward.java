package dev.panaformer.nn;

import dev.panaformer.kernel.Activation;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * {@code down(activation(gate(x)) * up(x))} (Shazeer 2020); SwiGLU with {@link Activation#SILU}.
 *
 * @param gate {@code [intermediate, hidden]}
 * @param up {@code [intermediate, hidden]}
 * @param down {@code [hidden, intermediate]}
 */
public record GatedFeedForward(Linear gate, Linear up, Linear down, Activation activation)
    implements FeedForward {

  @Override
  public void forward(
      Kernels kernels,
      MemorySegment x,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace) {
    kernels.gatedFeedForward(
        x,
        gate.weight(),
        gate.bias(),
        up.weight(),
        up.bias(),
        down.weight(),
        down.bias(),
        activation,
        residual,
        y,
        tokens,
        workspace);
  }
}
