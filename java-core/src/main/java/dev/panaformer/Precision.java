package dev.panaformer;

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
  FP32(dev.panaformer.kernel.Precision.FP32),
  /** Weights and the inputs of layers rounded to bfloat16, sums in float32: half the memory. */
  BF16(dev.panaformer.kernel.Precision.BF16),
  /**
   * Weights in 8 bits with one scale for each output feature, inputs in 8 bits with one scale for
   * each token, exact sums: a quarter of the memory.
   */
  INT8(dev.panaformer.kernel.Precision.INT8),
  /**
   * Weights in 4 bits with one scale for each 32 input features, inputs in 8 bits scaled in the
   * same groups: a seventh of the memory, for decoders.
   */
  INT4(dev.panaformer.kernel.Precision.INT4),
  /** As {@link #INT4} with one scale for each 128 input features: a little smaller, less exact. */
  INT4_128(dev.panaformer.kernel.Precision.INT4_128);

  private final dev.panaformer.kernel.Precision weightFormat;

  Precision(dev.panaformer.kernel.Precision weightFormat) {
    this.weightFormat = weightFormat;
  }

  /** The kernels' name for this format. For the project's own modules. */
  @SuppressWarnings("exports")
  public dev.panaformer.kernel.Precision weightFormat() {
    return weightFormat;
  }

  /** The name as it is written on a command line: {@code int4-128}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
