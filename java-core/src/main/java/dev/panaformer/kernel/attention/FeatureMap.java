package dev.panaformer.kernel.attention;

import static dev.panaformer.bindings.panaformer_h.PF_FEATURE_MAP_RELU;
import static dev.panaformer.bindings.panaformer_h.PF_FEATURE_MAP_SOFTMAX;

/**
 * The function with which attention with random features maps the product of a query or key x and a
 * random vector w to a feature.
 */
public enum FeatureMap {
  /**
   * {@code exp(w x - |x|²/2)}. The mean of the products of two such features estimates {@code exp(q
   * k)}.
   */
  SOFTMAX(PF_FEATURE_MAP_SOFTMAX()),
  /** {@code max(w x, 0) + offset}. */
  RELU(PF_FEATURE_MAP_RELU());

  private final int value;

  FeatureMap(int value) {
    this.value = value;
  }

  /** Returns the constant of the C interface. */
  public int value() {
    return value;
  }
}
