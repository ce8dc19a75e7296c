package dev.panaformer;

import dev.panaformer.runtime.ImageLimits;
import java.util.Objects;

/**
 * Options of a model that reads images. Immutable: {@code ImageOptions.DEFAULT.withMaxPixels(n)}.
 *
 * @param compute device, threads and precision
 * @param maxConcurrency the maximum number of concurrent calls; further calls wait. Each running
 *     call needs memory for its activations.
 * @param maxBatchTokens the maximum number of tokens (patches) in a batch; a single image may
 *     exceed it. It bounds the memory of a call.
 * @param maxPixels the maximum number of pixels of an image that is decoded. It bounds the memory
 *     for one file.
 * @param interpolatePositions whether learned positions are interpolated for images of another
 *     size, if the preprocessing keeps the size of images
 */
public record ImageOptions(
    ComputeOptions compute,
    int maxConcurrency,
    int maxBatchTokens,
    long maxPixels,
    boolean interpolatePositions) {

  /** The defaults of {@link ModelOptions}, a hundred megapixels, and no interpolation. */
  public static final ImageOptions DEFAULT =
      new ImageOptions(
          ModelOptions.DEFAULT.compute(),
          ModelOptions.DEFAULT.maxConcurrency(),
          ModelOptions.DEFAULT.maxBatchTokens(),
          100_000_000,
          false);

  /**
   * @throws IllegalArgumentException if a number is below 1
   */
  public ImageOptions {
    Objects.requireNonNull(compute, "compute");
    ModelOptions.requireAtLeastOne("maxConcurrency", maxConcurrency);
    ModelOptions.requireAtLeastOne("maxBatchTokens", maxBatchTokens);
    ModelOptions.requireAtLeastOne("maxPixels", maxPixels);
  }

  public ImageOptions withCompute(ComputeOptions value) {
    return new ImageOptions(value, maxConcurrency, maxBatchTokens, maxPixels, interpolatePositions);
  }

  public ImageOptions withDevice(Device value) {
    return withCompute(compute.withDevice(value));
  }

  public ImageOptions withBackend(Backend value) {
    return withCompute(compute.withBackend(value));
  }

  public ImageOptions withThreads(int value) {
    return withCompute(compute.withThreads(value));
  }

  public ImageOptions withPrecision(Precision value) {
    return withCompute(compute.withPrecision(value));
  }

  public ImageOptions withMaxConcurrency(int value) {
    return new ImageOptions(compute, value, maxBatchTokens, maxPixels, interpolatePositions);
  }

  public ImageOptions withMaxBatchTokens(int value) {
    return new ImageOptions(compute, maxConcurrency, value, maxPixels, interpolatePositions);
  }

  public ImageOptions withMaxPixels(long value) {
    return new ImageOptions(compute, maxConcurrency, maxBatchTokens, value, interpolatePositions);
  }

  public ImageOptions withInterpolatePositions(boolean value) {
    return new ImageOptions(compute, maxConcurrency, maxBatchTokens, maxPixels, value);
  }

  ImageLimits limits() {
    return new ImageLimits(maxConcurrency, maxBatchTokens, maxPixels, interpolatePositions);
  }
}
