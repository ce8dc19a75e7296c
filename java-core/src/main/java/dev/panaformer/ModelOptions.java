package dev.panaformer;

import dev.panaformer.runtime.TextLimits;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Options of a model that reads texts. Immutable: {@code
 * ModelOptions.builder().threads(2).maxBatchTokens(4096).build()}, or {@code
 * ModelOptions.DEFAULT.withThreads(2)}.
 */
public final class ModelOptions {
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
  public static final ModelOptions DEFAULT = builder().build();

  /** A copy of the builder, which nothing changes. */
  private final Builder values;

  private ModelOptions(Builder values) {
    this.values = values;
  }

  /** Device, threads and precision. */
  public ComputeOptions compute() {
    return values.compute;
  }

  /**
   * The maximum number of concurrent calls; further calls wait. Each running call needs memory for
   * its activations.
   */
  public int maxConcurrency() {
    return values.maxConcurrency;
  }

  /**
   * The maximum number of tokens in a batch; a single text may exceed it. It bounds the memory of a
   * call.
   */
  public int maxBatchTokens() {
    return values.maxBatchTokens;
  }

  /** What happens to texts that are too long. */
  public Truncation truncation() {
    return values.truncation;
  }

  /** A builder that starts with {@link #DEFAULT}. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that starts with these options. */
  public Builder toBuilder() {
    return values.clone();
  }

  public ModelOptions withCompute(ComputeOptions value) {
    return toBuilder().compute(value).build();
  }

  /** Sets {@link ComputeOptions#device}. */
  public ModelOptions withDevice(Device value) {
    return toBuilder().device(value).build();
  }

  /** Sets the backend and keeps the index of the device. */
  public ModelOptions withBackend(Backend value) {
    return toBuilder().backend(value).build();
  }

  /** Sets {@link ComputeOptions#threads}. */
  public ModelOptions withThreads(int value) {
    return toBuilder().threads(value).build();
  }

  /** Sets {@link ComputeOptions#precision}. */
  public ModelOptions withPrecision(Precision value) {
    return toBuilder().precision(value).build();
  }

  public ModelOptions withMaxConcurrency(int value) {
    return toBuilder().maxConcurrency(value).build();
  }

  public ModelOptions withMaxBatchTokens(int value) {
    return toBuilder().maxBatchTokens(value).build();
  }

  public ModelOptions withTruncation(Truncation value) {
    return toBuilder().truncation(value).build();
  }

  TextLimits limits() {
    return new TextLimits(
        values.maxConcurrency, values.maxBatchTokens, values.truncation == Truncation.REFUSE);
  }

  private Map<String, Object> named() {
    Map<String, Object> named = new LinkedHashMap<>();
    named.put("compute", values.compute);
    named.put("maxConcurrency", values.maxConcurrency);
    named.put("maxBatchTokens", values.maxBatchTokens);
    named.put("truncation", values.truncation);
    return named;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ModelOptions options && named().equals(options.named());
  }

  @Override
  public int hashCode() {
    return named().hashCode();
  }

  @Override
  public String toString() {
    return "ModelOptions" + named();
  }

  /**
   * Sets options, each by the method of its name. {@link #build} checks the values. Not
   * thread-safe.
   */
  public static final class Builder implements Cloneable {
    private ComputeOptions compute = ComputeOptions.DEFAULT;
    private int maxConcurrency = ComputeOptions.DEFAULT.threads();
    private int maxBatchTokens = 1024;
    private Truncation truncation = Truncation.TRUNCATE;

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

    public Builder maxConcurrency(int value) {
      maxConcurrency = value;
      return this;
    }

    public Builder maxBatchTokens(int value) {
      maxBatchTokens = value;
      return this;
    }

    public Builder truncation(Truncation value) {
      truncation = OptionChecks.given("truncation", value);
      return this;
    }

    /**
     * @throws IllegalArgumentException if a number is below 1
     */
    public ModelOptions build() {
      OptionChecks.atLeast(1, "maxConcurrency", maxConcurrency);
      OptionChecks.atLeast(1, "maxBatchTokens", maxBatchTokens);
      return new ModelOptions(clone());
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
