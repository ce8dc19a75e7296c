package dev.panaformer;

import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.Device;
import dev.panaformer.kernel.linear.WeightFormat;
import java.util.Objects;

/**
 * How a model runs. Immutable: {@code ModelOptions.DEFAULT.withThreads(2)}.
 *
 * @param backend what computes
 * @param threads on how many threads one call computes, the caller's among them; calls that find
 *     the others busy run on their own
 * @param maxConcurrency how many calls run at once; more wait. Each takes memory for its
 *     activations.
 * @param maxBatchTokens how many tokens are computed together at most, unless one text alone has
 *     more: what bounds that memory
 * @param truncation what becomes of texts that are too long
 * @param device which GPU, where the backend is one for GPUs
 * @param precision what the weights of linear layers and of words are kept in and computed with; of
 *     a folder that {@code quantize} wrote {@link WeightFormat#FP32} means its own
 */
public record ModelOptions(
    Backend backend,
    int threads,
    int maxConcurrency,
    int maxBatchTokens,
    Truncation truncation,
    int device,
    WeightFormat precision) {

  /** On the first device, should there be a choice, in float32. */
  public ModelOptions(
      Backend backend, int threads, int maxConcurrency, int maxBatchTokens, Truncation truncation) {
    this(backend, threads, maxConcurrency, maxBatchTokens, truncation, 0);
  }

  /** In float32. */
  public ModelOptions(
      Backend backend,
      int threads,
      int maxConcurrency,
      int maxBatchTokens,
      Truncation truncation,
      int device) {
    this(backend, threads, maxConcurrency, maxBatchTokens, truncation, device, WeightFormat.FP32);
  }

  /** What becomes of a text that has more tokens than the model has positions. */
  public enum Truncation {
    /** Its end is not read. */
    TRUNCATE,
    /** It is an {@link IllegalArgumentException}. */
    REFUSE
  }

  /** Native code where there is some, on all processors; long texts are truncated. */
  public static final ModelOptions DEFAULT =
      new ModelOptions(Backend.AUTO, processors(), processors(), 1024, Truncation.TRUNCATE);

  private static final int MAX_THREADS = 256;

  /**
   * @throws IllegalArgumentException if a number is below 1, or the threads above 256
   */
  public ModelOptions {
    Objects.requireNonNull(backend, "backend");
    Objects.requireNonNull(truncation, "truncation");
    Objects.requireNonNull(precision, "precision");
    if (device < 0) {
      throw new IllegalArgumentException("device is " + device + ", at least 0");
    }
    requireAtLeastOne("threads", threads);
    requireAtLeastOne("maxConcurrency", maxConcurrency);
    requireAtLeastOne("maxBatchTokens", maxBatchTokens);
    if (threads > MAX_THREADS) {
      throw new IllegalArgumentException("threads is " + threads + ", at most " + MAX_THREADS);
    }
  }

  private static int processors() {
    return Math.min(Runtime.getRuntime().availableProcessors(), MAX_THREADS);
  }

  private static void requireAtLeastOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + ", at least 1");
    }
  }

  public ModelOptions withBackend(Backend value) {
    return new ModelOptions(
        value, threads, maxConcurrency, maxBatchTokens, truncation, device, precision);
  }

  public ModelOptions withThreads(int value) {
    return new ModelOptions(
        backend, value, maxConcurrency, maxBatchTokens, truncation, device, precision);
  }

  public ModelOptions withMaxConcurrency(int value) {
    return new ModelOptions(backend, threads, value, maxBatchTokens, truncation, device, precision);
  }

  public ModelOptions withMaxBatchTokens(int value) {
    return new ModelOptions(backend, threads, maxConcurrency, value, truncation, device, precision);
  }

  public ModelOptions withTruncation(Truncation value) {
    return new ModelOptions(
        backend, threads, maxConcurrency, maxBatchTokens, value, device, precision);
  }

  /** The device's backend, and the device: {@code withDevice(Device.cuda(0))}. */
  public ModelOptions withDevice(Device value) {
    return new ModelOptions(
        value.backend(),
        threads,
        maxConcurrency,
        maxBatchTokens,
        truncation,
        value.index(),
        precision);
  }

  public ModelOptions withPrecision(WeightFormat value) {
    return new ModelOptions(
        backend, threads, maxConcurrency, maxBatchTokens, truncation, device, value);
  }
}
