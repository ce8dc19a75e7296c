package dev.panaformer;

import dev.panaformer.runtime.GenerationLimits;
import java.util.Objects;

/**
 * Options of a model that generates texts. Immutable: {@code
 * CausalLMOptions.DEFAULT.withThreads(2)}.
 *
 * @param compute device, threads and precision
 * @param cacheTokens the capacity of the key-value cache in tokens, which all texts share. The
 *     cache is allocated when the model is loaded and never grows. 0 chooses room for four
 *     contexts, but at most 1 GiB.
 * @param blockTokens the number of tokens in a block of the cache; a text takes whole blocks
 * @param maxSequences the maximum number of sequences (texts, or beams of texts) in one step
 * @param stepTokens the maximum number of tokens evaluated in one step. With a smaller number, a
 *     prompt that is being read delays the other texts less. At least half of it is reserved for
 *     prompts.
 */
public record CausalLMOptions(
    ComputeOptions compute, int cacheTokens, int blockTokens, int maxSequences, int stepTokens) {

  /** The defaults of {@link ComputeOptions}, and up to 64 sequences. */
  public static final CausalLMOptions DEFAULT =
      new CausalLMOptions(ComputeOptions.DEFAULT, 0, 32, 64, 256);

  /**
   * @throws IllegalArgumentException if {@code cacheTokens} is below 0, or another number is below
   *     1 or too large
   */
  public CausalLMOptions {
    Objects.requireNonNull(compute, "compute");
    require("cacheTokens", cacheTokens, 0, Integer.MAX_VALUE);
    require("blockTokens", blockTokens, 1, 1 << 16);
    require("maxSequences", maxSequences, 1, 1 << 16);
    require("stepTokens", stepTokens, 1, 1 << 20);
  }

  private static void require(String name, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + ", expected " + min + " to " + max);
    }
  }

  public CausalLMOptions withCompute(ComputeOptions value) {
    return new CausalLMOptions(value, cacheTokens, blockTokens, maxSequences, stepTokens);
  }

  public CausalLMOptions withDevice(Device value) {
    return withCompute(compute.withDevice(value));
  }

  public CausalLMOptions withBackend(Backend value) {
    return withCompute(compute.withBackend(value));
  }

  public CausalLMOptions withThreads(int value) {
    return withCompute(compute.withThreads(value));
  }

  public CausalLMOptions withPrecision(Precision value) {
    return withCompute(compute.withPrecision(value));
  }

  public CausalLMOptions withCacheTokens(int value) {
    return new CausalLMOptions(compute, value, blockTokens, maxSequences, stepTokens);
  }

  public CausalLMOptions withBlockTokens(int value) {
    return new CausalLMOptions(compute, cacheTokens, value, maxSequences, stepTokens);
  }

  public CausalLMOptions withMaxSequences(int value) {
    return new CausalLMOptions(compute, cacheTokens, blockTokens, value, stepTokens);
  }

  public CausalLMOptions withStepTokens(int value) {
    return new CausalLMOptions(compute, cacheTokens, blockTokens, maxSequences, value);
  }

  GenerationLimits limits() {
    return new GenerationLimits(cacheTokens, blockTokens, maxSequences, stepTokens);
  }
}
