package dev.panaformer;

import dev.panaformer.kernel.Backend;

/**
 * How a model is loaded and run. Immutable; {@link #DEFAULT} and the {@code with} methods make
 * others.
 *
 * @param backend what computes
 * @param threads how many threads compute one pass, the caller's among them
 * @param maxConcurrency how many passes may run at once; further callers wait
 * @param maxBatchTokens how many tokens one pass of a large batch holds; a bound on its memory
 * @param truncation what happens to a text of more tokens than the model takes
 */
public record ModelOptions(
    Backend backend, int threads, int maxConcurrency, int maxBatchTokens, Truncation truncation) {

  /** What happens to a text of more tokens than the model takes. */
  public enum Truncation {
    /** Its end is cut off. */
    TRUNCATE,
    /** It is refused with an {@link IllegalArgumentException}. */
    REFUSE
  }

  /** Native kernels where they can be loaded, on every processor. */
  public static final ModelOptions DEFAULT =
      new ModelOptions(
          Backend.AUTO,
          Runtime.getRuntime().availableProcessors(),
          Runtime.getRuntime().availableProcessors(),
          4096,
          Truncation.TRUNCATE);

  public ModelOptions {
    requirePositive("threads", threads);
    requirePositive("maxConcurrency", maxConcurrency);
    requirePositive("maxBatchTokens", maxBatchTokens);
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, not " + value);
    }
  }

  public ModelOptions withBackend(Backend backend) {
    return new ModelOptions(backend, threads, maxConcurrency, maxBatchTokens, truncation);
  }

  public ModelOptions withThreads(int threads) {
    return new ModelOptions(backend, threads, maxConcurrency, maxBatchTokens, truncation);
  }

  public ModelOptions withMaxConcurrency(int maxConcurrency) {
    return new ModelOptions(backend, threads, maxConcurrency, maxBatchTokens, truncation);
  }

  public ModelOptions withMaxBatchTokens(int maxBatchTokens) {
    return new ModelOptions(backend, threads, maxConcurrency, maxBatchTokens, truncation);
  }

  public ModelOptions withTruncation(Truncation truncation) {
    return new ModelOptions(backend, threads, maxConcurrency, maxBatchTokens, truncation);
  }
}
