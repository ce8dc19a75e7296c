package dev.panaformer.nn;

import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.FeedForwardWeights;
import java.lang.foreign.MemorySegment;

/** The position-wise feed-forward network of a layer, with its residual connection. */
public record FeedForward(FeedForwardWeights weights) {
  /**
   * {@code down(activation(up(x)))} (Vaswani et al. 2017).
   *
   * @param up {@code [intermediate, hidden]}
   * @param down {@code [hidden, intermediate]}
   */
  public static FeedForward plain(Linear up, Linear down, Activation activation) {
    return new FeedForward(FeedForwardWeights.plain(up.weights(), down.weights(), activation));
  }

  /**
   * {@code down(activation(gate(x)) * up(x))} (Shazeer 2020); SwiGLU with {@link Activation#SILU}.
   *
   * @param gate {@code [intermediate, hidden]}
   * @param up {@code [intermediate, hidden]}
   * @param down {@code [hidden, intermediate]}
   */
  public static FeedForward gated(Linear gate, Linear up, Linear down, Activation activation) {
    return new FeedForward(
        FeedForwardWeights.gated(gate.weights(), up.weights(), down.weights(), activation));
  }

  /**
   * {@code y = network(x) + residual}.
   *
   * @param x {@code [rows, hidden]}
   * @param residual {@code [rows, hidden]}; may be x
   * @param y {@code [rows, hidden]}; not x, but may be a residual that is not x
   */
  public void forward(
      Pass pass, MemorySegment x, MemorySegment residual, MemorySegment y, long rows) {
    pass.kernels().linear().feedForward(x, weights, residual, y, rows, pass.workspace());
  }
}
