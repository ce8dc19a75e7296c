package dev.panaformer;

import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.Device;
import dev.panaformer.kernel.linear.WeightFormat;
import java.util.Objects;

/**
 * How a model that generates runs. Immutable: {@code CausalLMOptions.DEFAULT.withThreads(2)}.
 *
 * @param backend what computes
 * @param threads on how many threads a step computes
 * @param cacheTokens for how many tokens, of all texts together, the key-value cache has room; it
 *     is allocated at once and never grows. 0 for four contexts, but no more than 1 GiB.
 * @param blockTokens tokens of one block of the cache, the least that a text takes of it
 * @param maxSequences how many texts, or beams of texts, a step continues at most
 * @param stepTokens how many tokens a step computes at most, which is how long a prompt that is
 *     being read delays the other texts; at least half as many are kept for prompts
 * @param device which GPU, where the backend is one for GPUs
 * @param precision what the weights of linear layers and of words are kept in and computed with; of
 *     a folder that {@code quantize} wrote {@link WeightFormat#FP32} means its own
 */
public record CausalLMOptions(
    Backend backend,
    int threads,
    int cacheTokens,
    int blockTokens,
    int maxSequences,
    int stepTokens,
    int device,
    WeightFormat precision) {

  /** On the first device, should there be a choice, in float32. */
  public CausalLMOptions(
      Backend backend,
      int threads,
      int cacheTokens,
      int blockTokens,
      int maxSequences,
      int stepTokens) {
    this(backend, threads, cacheTokens, blockTokens, maxSequences, stepTokens, 0);
  }

  /** In float32. */
  public CausalLMOptions(
      Backend backend,
      int threads,
      int cacheTokens,
      int blockTokens,
      int maxSequences,
      int stepTokens,
      int device) {
    this(
        backend,
        threads,
        cacheTokens,
        blockTokens,
        maxSequences,
        stepTokens,
        device,
        WeightFormat.FP32);
  }

  /** Native code where there is some, on all processors; up to 64 sequences. */
  public static final CausalLMOptions DEFAULT =
      new CausalLMOptions(Backend.AUTO, ModelOptions.DEFAULT.threads(), 0, 32, 64, 256);

  private static final int MAX_THREADS = 256;

  /**
   * @throws IllegalArgumentException if a number is below 1, {@code cacheTokens} below 0, or the
   *     threads above 256
   */
  public CausalLMOptions {
    Objects.requireNonNull(backend, "backend");
    Objects.requireNonNull(precision, "precision");
    require("device", device, 0, Integer.MAX_VALUE);
    require("threads", threads, 1, MAX_THREADS);
    require("cacheTokens", cacheTokens, 0, Integer.MAX_VALUE);
    require("blockTokens", blockTokens, 1, 1 << 16);
    require("maxSequences", maxSequences, 1, 1 << 16);
    require("stepTokens", stepTokens, 1, 1 << 20);
  }

  /** The defaults, with the backend, the threads and the precision of these. */
  public static CausalLMOptions of(ModelOptions options) {
    return DEFAULT
        .withDevice(new Device(options.backend(), options.device()))
        .withThreads(options.threads())
        .withPrecision(options.precision());
  }

  private static void require(String name, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + " is " + value + ", expected " + min + " to " + max);
    }
  }

  public CausalLMOptions withBackend(Backend value) {
    return new CausalLMOptions(
        value, threads, cacheTokens, blockTokens, maxSequences, stepTokens, device, precision);
  }

  public CausalLMOptions withThreads(int value) {
    return new CausalLMOptions(
        backend, value, cacheTokens, blockTokens, maxSequences, stepTokens, device, precision);
  }

  public CausalLMOptions withCacheTokens(int value) {
    return new CausalLMOptions(
        backend, threads, value, blockTokens, maxSequences, stepTokens, device, precision);
  }

  public CausalLMOptions withBlockTokens(int value) {
    return new CausalLMOptions(
        backend, threads, cacheTokens, value, maxSequences, stepTokens, device, precision);
  }

  public CausalLMOptions withMaxSequences(int value) {
    return new CausalLMOptions(
        backend, threads, cacheTokens, blockTokens, value, stepTokens, device, precision);
  }

  public CausalLMOptions withStepTokens(int value) {
    return new CausalLMOptions(
        backend, threads, cacheTokens, blockTokens, maxSequences, value, device, precision);
  }

  /** The device's backend, and the device: {@code withDevice(Device.cuda(0))}. */
  public CausalLMOptions withDevice(Device value) {
    return new CausalLMOptions(
        value.backend(),
        threads,
        cacheTokens,
        blockTokens,
        maxSequences,
        stepTokens,
        value.index(),
        precision);
  }

  public CausalLMOptions withPrecision(WeightFormat value) {
    return new CausalLMOptions(
        backend, threads, cacheTokens, blockTokens, maxSequences, stepTokens, device, value);
  }
}
