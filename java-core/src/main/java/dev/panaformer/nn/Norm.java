package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/** What brings the hidden states of each token to one scale. */
public sealed interface Norm permits LayerNorm, RmsNorm {

  /**
   * @param x {@code [tokens, hidden]}
   * @param y {@code [tokens, hidden]}; may be x
   */
  void forward(Kernels kernels, MemorySegment x, MemorySegment y, long tokens);
}
