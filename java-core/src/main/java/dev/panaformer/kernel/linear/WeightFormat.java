package dev.panaformer.kernel.linear;

import static dev.panaformer.bindings.panaformer_h.PF_PRECISION_BF16;
import static dev.panaformer.bindings.panaformer_h.PF_PRECISION_FP32;
import static dev.panaformer.bindings.panaformer_h.PF_PRECISION_INT4;
import static dev.panaformer.bindings.panaformer_h.PF_PRECISION_INT4_128;
import static dev.panaformer.bindings.panaformer_h.PF_PRECISION_INT8;

import java.util.Locale;

/**
 * The format in which the weights of linear layers are stored and multiplied. Everything else
 * (attention, norms, activations) is float32. {@code panaformer.h} describes the layouts.
 *
 * <p>Encoders are bound by arithmetic, decoding by memory bandwidth. A smaller format speeds up
 * both and costs accuracy.
 */
public enum WeightFormat {
  /** Weights as they are: the reference's numbers. */
  FP32(PF_PRECISION_FP32(), 32),
  /** Weights and layers' inputs rounded to bfloat16, sums in float32: half the memory. */
  BF16(PF_PRECISION_BF16(), 16),
  /**
   * Weights in 8 bits with a scale for each output feature, inputs in 8 bits with a scale for each
   * token, exact sums: a quarter of the memory.
   */
  INT8(PF_PRECISION_INT8(), 8),
  /**
   * Weights in 4 bits with a scale for 32 input features, inputs in 8 bits scaled likewise: a
   * seventh of the memory, for decoders.
   */
  INT4(PF_PRECISION_INT4(), 4.5),
  /** As {@link #INT4}, with a scale for 128 input features: a little smaller, less exact. */
  INT4_128(PF_PRECISION_INT4_128(), 4.125);

  private final int value;
  private final double bits;

  WeightFormat(int value, double bits) {
    this.value = value;
    this.bits = bits;
  }

  /** The value that the C interface has for it. */
  public int value() {
    return value;
  }

  /** Bits per weight, its share of the scales included (except the few scales of {@link #INT8}). */
  public double bits() {
    return bits;
  }

  /** As it is written on a command line: {@code int8}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
