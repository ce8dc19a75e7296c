package dev.panaformer;

import dev.panaformer.kernel.linear.WeightFormat;
import java.util.Locale;

/**
 * The format in which the weights of a model's linear layers and token embeddings are stored and
 * multiplied. Everything else, such as attention, norms and activations between layers, is float32.
 *
 * <p>Encoders spend their time on arithmetic, decoders on reading weights. A smaller format makes
 * both faster, but less exact. {@code docs/precision.md} has figures.
 */
public enum Precision {
  /** Weights in float32, as the checkpoint has them. */
  FP32(WeightFormat.FP32),
  /** Weights and layer inputs rounded to bfloat16, sums in float32. Takes half of the memory. */
  BF16(WeightFormat.BF16),
  /**
   * 8-bit weights with one scale per output feature, 8-bit inputs with one scale per token, exact
   * sums. Takes a quarter of the memory.
   */
  INT8(WeightFormat.INT8),
  /**
   * 4-bit weights with one scale per 32 input features, 8-bit inputs with one scale per 32
   * features. Takes a seventh of the memory. Intended for decoders.
   */
  INT4(WeightFormat.INT4),
  /**
   * 4-bit weights like {@link #INT4}, but with one scale per 128 input features: a little smaller
   * and less exact.
   */
  INT4_128(WeightFormat.INT4_128);

  private final WeightFormat weightFormat;

  Precision(WeightFormat weightFormat) {
    this.weightFormat = weightFormat;
  }

  /** The format that the kernels use for this precision. For the project's own modules. */
  @SuppressWarnings("exports")
  public WeightFormat weightFormat() {
    return weightFormat;
  }

  /** The name used on the command line, for example {@code int4-128}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
