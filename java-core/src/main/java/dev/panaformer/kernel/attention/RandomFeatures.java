package dev.panaformer.kernel.attention;

import java.lang.foreign.MemorySegment;

/**
 * The random vectors with which {@link AttentionKernels#performerAttention} computes features of
 * queries and keys. All heads share them.
 *
 * @param weight {@code [count, headDim]}
 * @param scale of queries and keys before they meet the features
 * @param offset added to each feature of {@link FeatureMap#RELU}, at least 0
 */
public record RandomFeatures(
    MemorySegment weight, long count, long headDim, FeatureMap map, float scale, float offset) {

  /** With the scale and the offset of Choromanski et al. 2021. */
  public static RandomFeatures of(FeatureMap map, MemorySegment weight, long count, long headDim) {
    return switch (map) {
      case SOFTMAX ->
          new RandomFeatures(weight, count, headDim, map, (float) Math.pow(headDim, -0.25), 0);
      case RELU -> new RandomFeatures(weight, count, headDim, map, 1, 0.001f);
    };
  }
}
