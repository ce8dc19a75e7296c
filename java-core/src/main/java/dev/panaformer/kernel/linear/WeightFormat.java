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
  /** Weights are stored and multiplied in float32. */
  FP32(PF_PRECISION_FP32(), 32),
  /**
   * Weights and the inputs of layers are rounded to bfloat16. Sums are float32. Takes half the
   * memory.
   */
  BF16(PF_PRECISION_BF16(), 16),
  /**
   * Weights have 8 bits and one scale for each output feature. Inputs are rounded to 8 bits with
   * one scale for each token. Sums are exact. Takes a quarter of the memory.
   */
  INT8(PF_PRECISION_INT8(), 8),
  /**
   * Weights have 4 bits and one scale for each 32 input features. Inputs are rounded to 8 bits with
   * one scale for each 32 features of a token. Takes a seventh of the memory. Meant for decoders.
   */
  INT4(PF_PRECISION_INT4(), 4.5),
  /**
   * Like {@link #INT4}, but weights have one scale for each 128 input features: a little smaller
   * and less accurate.
   */
  INT4_128(PF_PRECISION_INT4_128(), 4.125);

  private final int value;
  private final double bits;

  WeightFormat(int value, double bits) {
    this.value = value;
    this.bits = bits;
  }

  /** Returns the constant of the C interface. */
  public int value() {
    return value;
  }

  /**
   * Returns the bits per weight. This includes the weight's share of the scales, except for the few
   * scales of {@link #INT8}.
   */
  public double bits() {
    return bits;
  }

  /** Returns the name as written on the command line, for example {@code int8}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
