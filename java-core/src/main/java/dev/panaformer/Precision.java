package dev.panaformer;

import dev.panaformer.kernel.linear.WeightFormat;
import java.util.Locale;

/**
 * The format in which the weights of a model's linear layers and token embeddings are stored and
 * multiplied. Everything else, such as attention, norms and the values between layers, is float32.
 *
 * <p>The time of an encoder is spent on arithmetic, that of a decoder on reading weights. A smaller
 * format makes both faster and the results less exact. {@code docs/precision.md} has figures.
 */
public enum Precision {
  /** Weights in float32, as the checkpoint has them. */
  FP32(WeightFormat.FP32),
  /** Weights and the inputs of layers rounded to bfloat16, sums in float32: half the memory. */
  BF16(WeightFormat.BF16),
  /**
   * Weights in 8 bits with one scale for each output feature, inputs in 8 bits with one scale for
   * each token, exact sums: a quarter of the memory.
   */
  INT8(WeightFormat.INT8),
  /**
   * Weights in 4 bits with one scale for each 32 input features, inputs in 8 bits scaled in the
   * same groups: a seventh of the memory, for decoders.
   */
  INT4(WeightFormat.INT4),
  /** As {@link #INT4} with one scale for each 128 input features: a little smaller, less exact. */
  INT4_128(WeightFormat.INT4_128);

  private final WeightFormat weightFormat;

  Precision(WeightFormat weightFormat) {
    this.weightFormat = weightFormat;
  }

  /** The kernels' name for this format. For the project's own modules. */
  @SuppressWarnings("exports")
  public WeightFormat weightFormat() {
    return weightFormat;
  }

  /** The name as it is written on a command line: {@code int4-128}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
