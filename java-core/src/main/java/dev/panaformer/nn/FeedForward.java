package dev.panaformer.nn;

import dev.panaformer.kernel.Activation;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * The position-wise feed-forward network with its residual connection, normalised afterwards
 * (Vaswani et al. 2017): {@code x = norm(x + down(activation(up(x))))}.
 *
 * @param up {@code [intermediate, hidden]}
 * @param down {@code [hidden, intermediate]}
 */
public record FeedForward(Linear up, Linear down, LayerNorm norm, Activation activation) {

  /**
   * @param x {@code [tokens, hidden]}, read and overwritten
   */
  public void forward(Kernels kernels, MemorySegment x, int tokens, Workspace workspace) {
    MemorySegment y = workspace.floats(Buffer.CONTEXT, tokens * down.out());
    kernels.feedForward(
        x, up.weight(), up.bias(), down.weight(), down.bias(), activation, x, y, tokens, workspace);
    norm.forward(kernels, y, x, tokens);
  }
}
