package dev.panaformer.kernel.attention;

import java.lang.foreign.MemorySegment;

/**
 * The random vectors with which {@link AttentionKernels#performerAttention} computes features of
 * queries and keys. All heads share them.
 *
 * @param weight {@code [count, headDim]}, one random vector in each row
 * @param count the number of random vectors
 * @param headDim the number of features of an attention head
 * @param map the function that is applied to the products
 * @param scale the factor of queries and keys before they are multiplied by the random vectors
 * @param offset added to each feature of {@link FeatureMap#RELU}; at least 0
 */
public record RandomFeatures(
    MemorySegment weight, long count, long headDim, FeatureMap map, float scale, float offset) {

  /** Creates features with the scale and offset of Choromanski et al. 2021. */
  public static RandomFeatures of(FeatureMap map, MemorySegment weight, long count, long headDim) {
    return switch (map) {
      case SOFTMAX ->
          new RandomFeatures(weight, count, headDim, map, (float) Math.pow(headDim, -0.25), 0);
      case RELU -> new RandomFeatures(weight, count, headDim, map, 1, 0.001f);
    };
  }
}
