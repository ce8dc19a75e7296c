package dev.panaformer;

import dev.panaformer.image.RgbImage;
import dev.panaformer.runtime.ImageLimits;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Options of a model that reads images. Immutable: {@code
 * ImageOptions.builder().threads(2).maxPixels(n).build()}, or {@code
 * ImageOptions.DEFAULT.withMaxPixels(n)}.
 */
public final class ImageOptions {
  /** The defaults of {@link ModelOptions} and of {@link RgbImage}, and no interpolation. */
  public static final ImageOptions DEFAULT = builder().build();

  /** A copy of the builder, which nothing changes. */
  private final Builder values;

  private ImageOptions(Builder values) {
    this.values = values;
  }

  /** Device, threads and precision. */
  public ComputeOptions compute() {
    return values.compute;
  }

  /**
   * The maximum number of concurrent calls; further calls wait. Each running call needs memory for
   * its activations.
   */
  public int maxConcurrency() {
    return values.maxConcurrency;
  }

  /**
   * The maximum number of tokens (patches) in a batch; a single image may exceed it. It bounds the
   * memory of a call.
   */
  public int maxBatchTokens() {
    return values.maxBatchTokens;
  }

  /**
   * The maximum number of pixels of an image that is decoded. It bounds the memory for one file.
   */
  public long maxPixels() {
    return values.maxPixels;
  }

  /**
   * The maximum number of bytes that are read of a file or stream, which is held in memory while it
   * is decoded. Not more than an array holds, about 2 GiB, can be read.
   */
  public long maxFileBytes() {
    return values.maxFileBytes;
  }

  /**
   * Whether learned positions are interpolated for images of another size, if the preprocessing
   * keeps the size of images.
   */
  public boolean interpolatePositions() {
    return values.interpolatePositions;
  }

  /** A builder that starts with {@link #DEFAULT}. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that starts with these options. */
  public Builder toBuilder() {
    return values.clone();
  }

  public ImageOptions withCompute(ComputeOptions value) {
    return toBuilder().compute(value).build();
  }

  /** Sets {@link ComputeOptions#device}. */
  public ImageOptions withDevice(Device value) {
    return toBuilder().device(value).build();
  }

  /** Sets the backend and keeps the index of the device. */
  public ImageOptions withBackend(Backend value) {
    return toBuilder().backend(value).build();
  }

  /** Sets {@link ComputeOptions#threads}. */
  public ImageOptions withThreads(int value) {
    return toBuilder().threads(value).build();
  }

  /** Sets {@link ComputeOptions#precision}. */
  public ImageOptions withPrecision(Precision value) {
    return toBuilder().precision(value).build();
  }

  public ImageOptions withMaxConcurrency(int value) {
    return toBuilder().maxConcurrency(value).build();
  }

  public ImageOptions withMaxBatchTokens(int value) {
    return toBuilder().maxBatchTokens(value).build();
  }

  public ImageOptions withMaxPixels(long value) {
    return toBuilder().maxPixels(value).build();
  }

  public ImageOptions withMaxFileBytes(long value) {
    return toBuilder().maxFileBytes(value).build();
  }

  public ImageOptions withInterpolatePositions(boolean value) {
    return toBuilder().interpolatePositions(value).build();
  }

  ImageLimits limits() {
    return new ImageLimits(
        values.maxConcurrency,
        values.maxBatchTokens,
        values.maxPixels,
        values.maxFileBytes,
        values.interpolatePositions);
  }

  private Map<String, Object> named() {
    Map<String, Object> named = new LinkedHashMap<>();
    named.put("compute", values.compute);
    named.put("maxConcurrency", values.maxConcurrency);
    named.put("maxBatchTokens", values.maxBatchTokens);
    named.put("maxPixels", values.maxPixels);
    named.put("maxFileBytes", values.maxFileBytes);
    named.put("interpolatePositions", values.interpolatePositions);
    return named;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ImageOptions options && named().equals(options.named());
  }

  @Override
  public int hashCode() {
    return named().hashCode();
  }

  @Override
  public String toString() {
    return "ImageOptions" + named();
  }

  /**
   * Sets options, each by the method of its name. {@link #build} checks the values. Not
   * thread-safe.
   */
  public static final class Builder implements Cloneable {
    private ComputeOptions compute = ComputeOptions.DEFAULT;
    private int maxConcurrency = ComputeOptions.DEFAULT.threads();
    private int maxBatchTokens = ModelOptions.DEFAULT.maxBatchTokens();
    private long maxPixels = RgbImage.DEFAULT_MAX_PIXELS;
    private long maxFileBytes = RgbImage.DEFAULT_MAX_BYTES;
    private boolean interpolatePositions;

    private Builder() {}

    public Builder compute(ComputeOptions value) {
      compute = OptionChecks.given("compute", value);
      return this;
    }

    /** Sets {@link ComputeOptions#device}. */
    public Builder device(Device value) {
      return compute(compute.withDevice(value));
    }

    /** Sets the backend and keeps the index of the device. */
    public Builder backend(Backend value) {
      return compute(compute.withBackend(value));
    }

    /** Sets {@link ComputeOptions#threads}. */
    public Builder threads(int value) {
      return compute(compute.withThreads(value));
    }

    /** Sets {@link ComputeOptions#precision}. */
    public Builder precision(Precision value) {
      return compute(compute.withPrecision(value));
    }

    public Builder maxConcurrency(int value) {
      maxConcurrency = value;
      return this;
    }

    public Builder maxBatchTokens(int value) {
      maxBatchTokens = value;
      return this;
    }

    public Builder maxPixels(long value) {
      maxPixels = value;
      return this;
    }

    public Builder maxFileBytes(long value) {
      maxFileBytes = value;
      return this;
    }

    public Builder interpolatePositions(boolean value) {
      interpolatePositions = value;
      return this;
    }

    /**
     * @throws IllegalArgumentException if a number is below 1
     */
    public ImageOptions build() {
      OptionChecks.atLeast(1, "maxConcurrency", maxConcurrency);
      OptionChecks.atLeast(1, "maxBatchTokens", maxBatchTokens);
      OptionChecks.atLeast(1, "maxPixels", maxPixels);
      OptionChecks.atLeast(1, "maxFileBytes", maxFileBytes);
      return new ImageOptions(clone());
    }

    @Override
    protected Builder clone() {
      try {
        return (Builder) super.clone();
      } catch (CloneNotSupportedException e) {
        throw new AssertionError(e);
      }
    }
  }
}
