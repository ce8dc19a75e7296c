package dev.panaformer;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.runtime.ComputeSettings;
import java.util.Objects;

/**
 * The device, threads and precision with which a model is evaluated. Part of the options of every
 * model. Immutable.
 *
 * @param device the device, which includes the backend
 * @param threads the number of threads that evaluate one call, including the calling thread. If the
 *     other threads are busy, a call runs on its own thread alone. Only the native backend uses
 *     this option.
 * @param precision the format of the weights. With {@link Precision#FP32}, the weights of a
 *     quantized folder keep the format of the folder.
 */
public record ComputeOptions(Device device, int threads, Precision precision) {
  private static final int MAX_THREADS = 256;

  /** The processor with all of its hardware threads, and float32. */
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

  /** A copy of these options with another backend and the same device index. */
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
   * Opens the kernels that these options describe. The caller closes them. For the project's own
   * modules, which use kernels and layers without a model class.
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
