package dev.panaformer;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.runtime.ComputeSettings;
import java.util.Objects;

/**
 * What a model is computed on and in. Part of every model's options. Immutable.
 *
 * @param device the device, and with it the backend
 * @param threads the number of threads that compute one call, including the calling thread. A call
 *     that finds the other threads busy runs on its own thread alone. Backends other than the
 *     native one ignore it.
 * @param precision the format of the weights. {@link Precision#FP32} leaves the weights of a
 *     quantized folder in the format that the folder has.
 */
public record ComputeOptions(Device device, int threads, Precision precision) {
  private static final int MAX_THREADS = 256;

  /** The processor, all of its hardware threads, float32. */
  public static final ComputeOptions DEFAULT =
      new ComputeOptions(
          Device.cpu(),
          Math.min(Runtime.getRuntime().availableProcessors(), MAX_THREADS),
          Precision.FP32);

  /**
   * @throws IllegalArgumentException if {@code threads} is not from 1 to 256
   */
  public ComputeOptions {
    Objects.requireNonNull(device, "device");
    Objects.requireNonNull(precision, "precision");
    if (threads < 1) {
      throw new IllegalArgumentException("threads is " + threads + ", at least 1");
    }
    if (threads > MAX_THREADS) {
      throw new IllegalArgumentException("threads is " + threads + ", at most " + MAX_THREADS);
    }
  }

  /** The backend of the device. */
  public Backend backend() {
    return device.backend();
  }

  public ComputeOptions withDevice(Device value) {
    return new ComputeOptions(value, threads, precision);
  }

  /** These options with the same number of device on another backend. */
  public ComputeOptions withBackend(Backend value) {
    return withDevice(new Device(value, device.index()));
  }

  public ComputeOptions withThreads(int value) {
    return new ComputeOptions(device, value, precision);
  }

  public ComputeOptions withPrecision(Precision value) {
    return new ComputeOptions(device, threads, value);
  }

  /**
   * Opens the kernels that these options describe; the caller closes them. Serves the project's own
   * modules, which run kernels and layers without a model class.
   *
   * @throws UnsupportedOperationException if the device does not exist; the message says why
   */
  @SuppressWarnings("exports")
  public Kernels openKernels() {
    return device.backend().open(threads, device.index());
  }

  ComputeSettings settings() {
    return new ComputeSettings(this::openKernels, precision.weightFormat());
  }
}
