package dev.panaformer.kernel;

/**
 * What attention by random features makes of a product with one of them. The order is that of
 * {@code pf_feature_map}.
 */
public enum FeatureMap {
  /** {@code exp(w x - |x|²/2)}, whose products estimate {@code exp(q k)}. */
  SOFTMAX,
  /** {@code max(w x, 0) + offset}. */
  RELU
}
