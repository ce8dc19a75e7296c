package dev.panaformer.kernel.norm;

import java.lang.foreign.MemorySegment;

/**
 * The weights of LayerNorm or RMSNorm.
 *
 * @param weight {@code [hidden]}; absent if rows are not normalised
 * @param bias {@code [hidden]}; may be absent
 * @param hidden the number of features of a row
 * @param eps added to the variance (LayerNorm) or the mean square (RMSNorm)
 */
public record NormWeights(MemorySegment weight, MemorySegment bias, long hidden, float eps) {
  /** Creates weights without a bias, as RMSNorm uses them. */
  public NormWeights(MemorySegment weight, long hidden, float eps) {
    this(weight, MemorySegment.NULL, hidden, eps);
  }

  /** Returns weights for rows of {@code hidden} features that are not normalised. */
  public static NormWeights absent(long hidden) {
    return new NormWeights(MemorySegment.NULL, hidden, 0);
  }
}
