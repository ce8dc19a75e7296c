package dev.panaformer.kernel.norm;

import java.lang.foreign.MemorySegment;

/**
 * The weights of a normalisation of rows.
 *
 * @param weight {@code [hidden]}; absent if rows are not normalised
 * @param bias {@code [hidden]}; may be absent
 * @param hidden features of a row
 * @param eps is added to the variance or the mean square
 */
public record NormWeights(MemorySegment weight, MemorySegment bias, long hidden, float eps) {
  /** Weights without a bias, as RMSNorm has them. */
  public NormWeights(MemorySegment weight, long hidden, float eps) {
    this(weight, MemorySegment.NULL, hidden, eps);
  }

  /** No normalisation of rows of so many features. */
  public static NormWeights absent(long hidden) {
    return new NormWeights(MemorySegment.NULL, hidden, 0);
  }
}
