package dev.panaformer;

import dev.panaformer.runtime.GenerationLimits;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Options of a model that generates texts. Immutable: {@code
 * CausalLMOptions.builder().threads(2).maxSequences(8).build()}, or {@code
 * CausalLMOptions.DEFAULT.withThreads(2)}.
 */
public final class CausalLMOptions {
  /** The defaults of {@link ComputeOptions}, and up to 64 sequences. */
  public static final CausalLMOptions DEFAULT = builder().build();

  /** A copy of the builder, which nothing changes. */
  private final Builder values;

  private CausalLMOptions(Builder values) {
    this.values = values;
  }

  /** Device, threads and precision. */
  public ComputeOptions compute() {
    return values.compute;
  }

  /**
   * The capacity of the key-value cache in tokens, which all texts share. The cache is allocated
   * when the model is loaded and never grows. 0 chooses room for four contexts, but at most 1 GiB.
   */
  public int cacheTokens() {
    return values.cacheTokens;
  }

  /** The number of tokens in a block of the cache; a text takes whole blocks. */
  public int blockTokens() {
    return values.blockTokens;
  }

  /** The maximum number of sequences (texts, or beams of texts) in one step. */
  public int maxSequences() {
    return values.maxSequences;
  }

  /**
   * The maximum number of tokens evaluated in one step. With a smaller number, a prompt that is
   * being read delays the other texts less. At least half of it is reserved for prompts.
   */
  public int stepTokens() {
    return values.stepTokens;
  }

  /** A builder that starts with {@link #DEFAULT}. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that starts with these options. */
  public Builder toBuilder() {
    return values.clone();
  }

  public CausalLMOptions withCompute(ComputeOptions value) {
    return toBuilder().compute(value).build();
  }

  /** Sets {@link ComputeOptions#device}. */
  public CausalLMOptions withDevice(Device value) {
    return toBuilder().device(value).build();
  }

  /** Sets the backend and keeps the index of the device. */
  public CausalLMOptions withBackend(Backend value) {
    return toBuilder().backend(value).build();
  }

  /** Sets {@link ComputeOptions#threads}. */
  public CausalLMOptions withThreads(int value) {
    return toBuilder().threads(value).build();
  }

  /** Sets {@link ComputeOptions#precision}. */
  public CausalLMOptions withPrecision(Precision value) {
    return toBuilder().precision(value).build();
  }

  public CausalLMOptions withCacheTokens(int value) {
    return toBuilder().cacheTokens(value).build();
  }

  public CausalLMOptions withBlockTokens(int value) {
    return toBuilder().blockTokens(value).build();
  }

  public CausalLMOptions withMaxSequences(int value) {
    return toBuilder().maxSequences(value).build();
  }

  public CausalLMOptions withStepTokens(int value) {
    return toBuilder().stepTokens(value).build();
  }

  GenerationLimits limits() {
    return new GenerationLimits(
        values.cacheTokens, values.blockTokens, values.maxSequences, values.stepTokens);
  }

  private Map<String, Object> named() {
    Map<String, Object> named = new LinkedHashMap<>();
    named.put("compute", values.compute);
    named.put("cacheTokens", values.cacheTokens);
    named.put("blockTokens", values.blockTokens);
    named.put("maxSequences", values.maxSequences);
    named.put("stepTokens", values.stepTokens);
    return named;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CausalLMOptions options && named().equals(options.named());
  }

  @Override
  public int hashCode() {
    return named().hashCode();
  }

  @Override
  public String toString() {
    return "CausalLMOptions" + named();
  }

  /**
   * Sets options, each by the method of its name. {@link #build} checks the values. Not
   * thread-safe.
   */
  public static final class Builder implements Cloneable {
    private ComputeOptions compute = ComputeOptions.DEFAULT;
    private int cacheTokens;
    private int blockTokens = 32;
    private int maxSequences = 64;
    private int stepTokens = 256;

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

    public Builder cacheTokens(int value) {
      cacheTokens = value;
      return this;
    }

    public Builder blockTokens(int value) {
      blockTokens = value;
      return this;
    }

    public Builder maxSequences(int value) {
      maxSequences = value;
      return this;
    }

    public Builder stepTokens(int value) {
      stepTokens = value;
      return this;
    }

    /**
     * @throws IllegalArgumentException if {@code cacheTokens} is below 0, or another number is
     *     below 1 or too large
     */
    public CausalLMOptions build() {
      OptionChecks.atLeast(0, "cacheTokens", cacheTokens);
      OptionChecks.inRange(1, 1 << 16, "blockTokens", blockTokens);
      OptionChecks.inRange(1, 1 << 16, "maxSequences", maxSequences);
      OptionChecks.inRange(1, 1 << 20, "stepTokens", stepTokens);
      return new CausalLMOptions(clone());
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
