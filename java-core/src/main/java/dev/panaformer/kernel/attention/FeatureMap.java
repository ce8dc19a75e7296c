package dev.panaformer.kernel.attention;

import static dev.panaformer.bindings.panaformer_h.PF_FEATURE_MAP_RELU;
import static dev.panaformer.bindings.panaformer_h.PF_FEATURE_MAP_SOFTMAX;

/** What attention by random features makes of the product of a query or a key with a feature. */
public enum FeatureMap {
  /** {@code exp(w x - |x|²/2)}, whose products estimate {@code exp(q k)}. */
  SOFTMAX(PF_FEATURE_MAP_SOFTMAX()),
  /** {@code max(w x, 0) + offset}. */
  RELU(PF_FEATURE_MAP_RELU());

  private final int value;

  FeatureMap(int value) {
    this.value = value;
  }

  /** The value that the C interface has for it. */
  public int value() {
    return value;
  }
}
