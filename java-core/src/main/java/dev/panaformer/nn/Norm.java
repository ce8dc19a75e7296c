package dev.panaformer.nn;

import java.lang.foreign.MemorySegment;

/** A normalisation layer. It normalises the hidden state of each token by itself. */
public sealed interface Norm permits LayerNorm, RmsNorm {
  /**
   * @param x {@code [rows, hidden]}
   * @param y {@code [rows, hidden]}; may be x
   */
  void forward(Pass pass, MemorySegment x, MemorySegment y, long rows);
}
