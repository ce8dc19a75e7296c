package dev.panaformer.kernel;

import java.util.Locale;

/**
 * What the weights of a model's linear layers are stored in and computed with. Everything else,
 * attention, norms and what lies between layers, is float32. The order is that of {@code
 * pf_precision}, whose description of the layouts is in {@code panaformer.h}.
 *
 * <p>Encoders are bound by arithmetic and decoding by memory; a smaller precision gives both more,
 * and takes digits from the result. {@code panaformer compare} shows how many.
 */
public enum Precision {
  /** Weights as they are: the reference's numbers. */
  FP32(32),
  /** Weights and layers' inputs rounded to bfloat16, sums in float32: half the memory. */
  BF16(16),
  /**
   * Weights in 8 bits with a scale for each output feature, inputs in 8 bits with a scale for each
   * token, exact sums: a quarter of the memory.
   */
  INT8(8),
  /**
   * Weights in 4 bits with a scale for 32 input features, inputs in 8 bits scaled likewise: a
   * seventh of the memory, for decoders.
   */
  INT4(4.5),
  /** As {@link #INT4}, with a scale for 128 input features: a little smaller, less exact. */
  INT4_128(4.125);

  private final double bits;

  Precision(double bits) {
    this.bits = bits;
  }

  /** Bits that a weight takes, its share of scales included; all but {@link #INT8}'s few. */
  public double bits() {
    return bits;
  }

  /** As it is written on a command line: {@code int8}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
