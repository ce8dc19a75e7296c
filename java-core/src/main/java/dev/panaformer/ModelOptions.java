package dev.panaformer;

import dev.panaformer.runtime.TextLimits;
import java.util.Objects;

/**
 * How a model that reads texts runs. Immutable: {@code ModelOptions.DEFAULT.withThreads(2)}.
 *
 * @param compute device, threads and precision
 * @param maxConcurrency the number of calls that run at the same time; further calls wait. Each
 *     running call takes memory for its activations.
 * @param maxBatchTokens the number of tokens that are computed together, unless one text alone has
 *     more. It bounds the memory of a call.
 * @param truncation what happens to texts that are too long
 */
public record ModelOptions(
    ComputeOptions compute, int maxConcurrency, int maxBatchTokens, Truncation truncation) {

  /** What happens to a text that has more tokens than the model has positions. */
  public enum Truncation {
    /** Only its beginning is read. */
    TRUNCATE,
    /** The call throws an {@link IllegalArgumentException}. */
    REFUSE
  }

  /**
   * The defaults of {@link ComputeOptions}, as many calls at the same time as it has threads, at
   * most 1024 tokens together; long texts are truncated.
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
