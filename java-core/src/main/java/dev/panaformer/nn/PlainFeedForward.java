package dev.panaformer.nn;

import dev.panaformer.kernel.Activation;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * {@code down(activation(up(x)))} (Vaswani et al. 2017).
 *
 * @param up {@code [intermediate, hidden]}
 * @param down {@code [hidden, intermediate]}
 */
public record PlainFeedForward(Linear up, Linear down, Activation activation)
    implements FeedForward {

  @Override
  public void forward(
      Kernels kernels,
      MemorySegment x,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace) {
    kernels.feedForward(
        x,
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
