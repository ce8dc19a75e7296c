package dev.panaformer.nn;

import java.lang.foreign.MemorySegment;

/** A normalisation of the hidden states of each token. */
public sealed interface Norm permits LayerNorm, RmsNorm {
  /**
   * @param x {@code [rows, hidden]}
   * @param y {@code [rows, hidden]}; may be x
   */
  void forward(Pass pass, MemorySegment x, MemorySegment y, long rows);
}
