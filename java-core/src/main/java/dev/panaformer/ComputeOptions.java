package dev.panaformer;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.runtime.ComputeSettings;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The device, threads and precision with which a model is evaluated. Part of the options of every
 * model. Immutable: {@code ComputeOptions.builder().threads(2).build()}.
 */
public final class ComputeOptions {
  private static final int MAX_THREADS = 256;

  /** The processor with all of its hardware threads, and float32. */
  public static final ComputeOptions DEFAULT = builder().build();

  /** A copy of the builder, which nothing changes. */
  private final Builder values;

  private ComputeOptions(Builder values) {
    this.values = values;
  }

  /** The device, which includes the backend. */
  public Device device() {
    return values.device;
  }

  /**
   * The number of threads that evaluate one call, including the calling thread. If the other
   * threads are busy, a call runs on its own thread alone. Only the native backend uses this
   * option.
   */
  public int threads() {
    return values.threads;
  }

  /**
   * The format of the weights. With {@link Precision#FP32}, the weights of a quantized folder keep
   * the format of the folder.
   */
  public Precision precision() {
    return values.precision;
  }

  /** The backend of the device. */
  public Backend backend() {
    return values.device.backend();
  }

  /** A builder that starts with {@link #DEFAULT}. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that starts with these options. */
  public Builder toBuilder() {
    return values.clone();
  }

  public ComputeOptions withDevice(Device value) {
    return toBuilder().device(value).build();
  }

  /** Sets the backend and keeps the index of the device. */
  public ComputeOptions withBackend(Backend value) {
    return toBuilder().backend(value).build();
  }

  public ComputeOptions withThreads(int value) {
    return toBuilder().threads(value).build();
  }

  public ComputeOptions withPrecision(Precision value) {
    return toBuilder().precision(value).build();
  }

  /**
   * Opens the kernels that these options describe. The caller closes them. For the project's own
   * modules, which use kernels and layers without a model class.
   *
   * @throws UnsupportedOperationException if the device does not exist; the message says why
   * @throws BackendException if the backend cannot be used
   */
  @SuppressWarnings("exports")
  public Kernels openKernels() {
    return backend().open(values.threads, values.device.index());
  }

  /** The settings with which a runtime loads a model, which begins by allocating memory. */
  ComputeSettings settings() {
    Backend.requireNativeAccess();
    return new ComputeSettings(this::openKernels, values.precision.weightFormat());
  }

  private Map<String, Object> named() {
    Map<String, Object> named = new LinkedHashMap<>();
    named.put("device", values.device);
    named.put("threads", values.threads);
    named.put("precision", values.precision);
    return named;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ComputeOptions options && named().equals(options.named());
  }

  @Override
  public int hashCode() {
    return named().hashCode();
  }

  @Override
  public String toString() {
    return "ComputeOptions" + named();
  }

  /**
   * Sets options, each by the method of its name. {@link #build} checks the values. Not
   * thread-safe.
   */
  public static final class Builder implements Cloneable {
    private Device device = Device.cpu();
    private int threads = Math.min(Runtime.getRuntime().availableProcessors(), MAX_THREADS);
    private Precision precision = Precision.FP32;

    private Builder() {}

    public Builder device(Device value) {
      device = OptionChecks.given("device", value);
      return this;
    }

    /** Sets the backend and keeps the index of the device. */
    public Builder backend(Backend value) {
      return device(new Device(OptionChecks.given("backend", value), device.index()));
    }

    public Builder threads(int value) {
      threads = value;
      return this;
    }

    public Builder precision(Precision value) {
      precision = OptionChecks.given("precision", value);
      return this;
    }

    /**
     * @throws IllegalArgumentException if {@code threads} is not from 1 to 256
     */
    public ComputeOptions build() {
      OptionChecks.inRange(1, MAX_THREADS, "threads", threads);
      return new ComputeOptions(clone());
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
