package dev.panaformer;

import dev.panaformer.runtime.TextLimits;
import java.util.Objects;

/**
 * Options of a model that reads texts. Immutable: {@code ModelOptions.DEFAULT.withThreads(2)}.
 *
 * @param compute device, threads and precision
 * @param maxConcurrency the maximum number of concurrent calls; further calls wait. Each running
 *     call needs memory for its activations.
 * @param maxBatchTokens the maximum number of tokens in a batch; a single text may exceed it. It
 *     bounds the memory of a call.
 * @param truncation what happens to texts that are too long
 */
public record ModelOptions(
    ComputeOptions compute, int maxConcurrency, int maxBatchTokens, Truncation truncation) {

  /** What happens to a text that has more tokens than the model has positions. */
  public enum Truncation {
    /** Only the beginning of the text is read. */
    TRUNCATE,
    /** The call throws an {@link IllegalArgumentException}. */
    REFUSE
  }

  /**
   * The defaults of {@link ComputeOptions}, one concurrent call per thread, at most 1024 tokens per
   * batch, and truncation of long texts.
   */
  public static final ModelOptions DEFAULT =
      new ModelOptions(
          ComputeOptions.DEFAULT, ComputeOptions.DEFAULT.threads(), 1024, Truncation.TRUNCATE);

  /**
   * @throws IllegalArgumentException if a number is below 1
   */
  public ModelOptions {
    Objects.requireNonNull(compute, "compute");
    Objects.requireNonNull(truncation, "truncation");
    requireAtLeastOne("maxConcurrency", maxConcurrency);
    requireAtLeastOne("maxBatchTokens", maxBatchTokens);
  }

  static void requireAtLeastOne(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + ", at least 1");
    }
  }

  public ModelOptions withCompute(ComputeOptions value) {
    return new ModelOptions(value, maxConcurrency, maxBatchTokens, truncation);
  }

  public ModelOptions withDevice(Device value) {
    return withCompute(compute.withDevice(value));
  }

  public ModelOptions withBackend(Backend value) {
    return withCompute(compute.withBackend(value));
  }

  public ModelOptions withThreads(int value) {
    return withCompute(compute.withThreads(value));
  }

  public ModelOptions withPrecision(Precision value) {
    return withCompute(compute.withPrecision(value));
  }

  public ModelOptions withMaxConcurrency(int value) {
    return new ModelOptions(compute, value, maxBatchTokens, truncation);
  }

  public ModelOptions withMaxBatchTokens(int value) {
    return new ModelOptions(compute, maxConcurrency, value, truncation);
  }

  public ModelOptions withTruncation(Truncation value) {
    return new ModelOptions(compute, maxConcurrency, maxBatchTokens, value);
  }

  TextLimits limits() {
    return new TextLimits(maxConcurrency, maxBatchTokens, truncation == Truncation.REFUSE);
  }
}
