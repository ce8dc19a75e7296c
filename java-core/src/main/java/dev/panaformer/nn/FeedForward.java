package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.Workspace;
import java.lang.foreign.MemorySegment;

/** The position-wise feed-forward network of a layer, with its residual connection. */
public sealed interface FeedForward permits PlainFeedForward, GatedFeedForward {

  /**
   * {@code y = network(x) + residual}.
   *
   * @param x {@code [tokens, hidden]}
   * @param residual {@code [tokens, hidden]}; may be x
   * @param y {@code [tokens, hidden]}; not x, but may be a residual that is not x
   */
  void forward(
      Kernels kernels,
      MemorySegment x,
      MemorySegment residual,
      MemorySegment y,
      long tokens,
      Workspace workspace);
}
