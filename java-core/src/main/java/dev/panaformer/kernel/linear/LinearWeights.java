package dev.panaformer.kernel.linear;

import java.lang.foreign.MemorySegment;

/**
 * The weights of a linear layer.
 *
 * @param weight {@code [out, in]}
 * @param bias {@code [out]}; may be absent
 */
public record LinearWeights(PackedWeight weight, MemorySegment bias) {
  /** Returns the number of output features. */
  public long out() {
    return weight.out();
  }

  /** Returns the number of input features. */
  public long in() {
    return weight.in();
  }
}
