package dev.panaformer;

import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.linear.WeightFormat;
import java.util.Objects;

/**
 * How a model that reads images runs. Immutable: {@code ImageOptions.DEFAULT.withMaxPixels(n)}.
 *
 * @param compute what computes, in what precision, on how many threads, and for how many calls at
 *     once
 * @param maxPixels the largest image that is decoded: what bounds the memory that a file can ask
 *     for
 * @param interpolatePositions whether images may have another size than that for which the model
 *     learned positions, where its preprocessing gives them one
 */
public record ImageOptions(ModelOptions compute, long maxPixels, boolean interpolatePositions) {
  /** A hundred megapixels, and no interpolation. */
  public static final ImageOptions DEFAULT =
      new ImageOptions(ModelOptions.DEFAULT, 100_000_000, false);

  /**
   * @throws IllegalArgumentException if no image were small enough
   */
  public ImageOptions {
    Objects.requireNonNull(compute, "compute");
    if (maxPixels < 1) {
      throw new IllegalArgumentException("maxPixels is " + maxPixels + ", at least 1");
    }
  }

  public ImageOptions withCompute(ModelOptions value) {
    return new ImageOptions(value, maxPixels, interpolatePositions);
  }

  public ImageOptions withBackend(Backend value) {
    return withCompute(compute.withBackend(value));
  }

  public ImageOptions withThreads(int value) {
    return withCompute(compute.withThreads(value));
  }

  public ImageOptions withPrecision(WeightFormat value) {
    return withCompute(compute.withPrecision(value));
  }

  public ImageOptions withMaxPixels(long value) {
    return new ImageOptions(compute, value, interpolatePositions);
  }

  public ImageOptions withInterpolatePositions(boolean value) {
    return new ImageOptions(compute, maxPixels, value);
  }
}
