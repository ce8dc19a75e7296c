package dev.panaformer.generate;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/**
 * How a text is continued. Immutable:
 *
 * <pre>{@code
 * GenerationOptions.builder().maxNewTokens(200).temperature(0.8).topP(0.95).seed(7).build()
 * }</pre>
 *
 * <p>Logits pass, in this order: penalties, temperature, top-k, top-p, min-p; names and order are
 * those of Hugging Face.
 *
 * @param maxNewTokens how many tokens are generated at most
 * @param minNewTokens before so many are generated, neither end token nor {@code stopIds} are
 *     chosen
 * @param temperature divides the logits before one is drawn; 0 takes the largest
 * @param topK draws from the so many largest; 0 from all
 * @param topP draws from the fewest largest that have this probability together. Holtzman et al.
 *     2019.
 * @param minP draws from those that have at least this share of the largest one's probability
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens that the
 *     prompt or the generated text holds; 1 for none. Keskar et al. 2019.
 * @param presencePenalty taken from logits of tokens that the generated text holds
 * @param frequencyPenalty the same, times how often it holds them
 * @param noRepeatNgram no so many tokens occur twice in the same order, the prompt included; 0 for
 *     no such rule
 * @param suppressedIds tokens that are never chosen
 * @param forcedStart the first token that is generated, a language's name say
 * @param forcedEnd the last one of a text that comes to {@code maxNewTokens}
 * @param seed makes what is drawn reproducible; without one each generation takes its own
 * @param beams hypotheses that a beam search follows; 1 for none
 * @param lengthPenalty exponent of the length by which a beam search divides the log-probability of
 *     a hypothesis
 * @param earlyStopping when a beam search ends
 * @param stopAtEndToken whether the model's own end tokens end the text
 * @param stopIds tokens that end the text
 * @param stopStrings end the text where the first of them begins
 * @param timeLimit counted from the request; what is generated when it is over is the result
 * @param contextOverflow what becomes of a prompt or text longer than the context
 * @param cacheShortage what becomes of the request when there is no room for it now
 * @param logProbabilities whether {@link GeneratedToken#logProbability} is computed; a beam search
 *     has none
 */
public record GenerationOptions(
    int maxNewTokens,
    int minNewTokens,
    double temperature,
    int topK,
    double topP,
    double minP,
    double repetitionPenalty,
    double presencePenalty,
    double frequencyPenalty,
    int noRepeatNgram,
    Set<Integer> suppressedIds,
    OptionalInt forcedStart,
    OptionalInt forcedEnd,
    OptionalLong seed,
    int beams,
    double lengthPenalty,
    EarlyStopping earlyStopping,
    boolean stopAtEndToken,
    Set<Integer> stopIds,
    List<String> stopStrings,
    Optional<Duration> timeLimit,
    ContextOverflow contextOverflow,
    CacheShortage cacheShortage,
    boolean logProbabilities) {

  /** Greedy, at most 256 tokens, to the model's end token. */
  public static final GenerationOptions DEFAULT = builder().build();

  private static final int MAX_BEAMS = 64;

  /**
   * @throws IllegalArgumentException if a value is outside its range, or a beam search is asked to
   *     draw
   */
  public GenerationOptions {
    stopIds = Set.copyOf(stopIds);
    stopStrings = List.copyOf(stopStrings);
    suppressedIds = Set.copyOf(suppressedIds);
    Objects.requireNonNull(forcedStart, "forcedStart");
    Objects.requireNonNull(forcedEnd, "forcedEnd");
    Objects.requireNonNull(seed, "seed");
    Objects.requireNonNull(earlyStopping, "earlyStopping");
    Objects.requireNonNull(timeLimit, "timeLimit");
    Objects.requireNonNull(contextOverflow, "contextOverflow");
    Objects.requireNonNull(cacheShortage, "cacheShortage");
    require(maxNewTokens >= 1, "maxNewTokens", maxNewTokens, "at least 1");
    require(
        minNewTokens >= 0 && minNewTokens <= maxNewTokens,
        "minNewTokens",
        minNewTokens,
        "from 0 to maxNewTokens, " + maxNewTokens);
    // Smaller ones divide by what float32 cannot hold the inverse of.
    require(
        temperature == 0 || temperature >= 1e-3 && temperature <= 1e3,
        "temperature",
        temperature,
        "0, or from 0.001 to 1000");
    require(topK >= 0, "topK", topK, "at least 0");
    require(topP > 0 && topP <= 1, "topP", topP, "above 0 and at most 1");
    require(minP >= 0 && minP <= 1, "minP", minP, "from 0 to 1");
    require(
        repetitionPenalty > 0 && Double.isFinite(repetitionPenalty),
        "repetitionPenalty",
        repetitionPenalty,
        "above 0");
    require(Double.isFinite(presencePenalty), "presencePenalty", presencePenalty, "finite");
    require(Double.isFinite(frequencyPenalty), "frequencyPenalty", frequencyPenalty, "finite");
    require(noRepeatNgram >= 0, "noRepeatNgram", noRepeatNgram, "at least 0");
    require(beams >= 1 && beams <= MAX_BEAMS, "beams", beams, "from 1 to " + MAX_BEAMS);
    require(Double.isFinite(lengthPenalty), "lengthPenalty", lengthPenalty, "finite");
    require(
        beams == 1 || temperature == 0,
        "temperature",
        temperature,
        "0 for a beam search, which draws nothing");
    require(beams == 1 || !logProbabilities, "logProbabilities", true, "false for a beam search");
    for (String stop : stopStrings) {
      require(!stop.isEmpty(), "stopStrings", stopStrings, "none of them empty");
    }
    if (timeLimit.isPresent()) {
      require(
          timeLimit.get().isPositive() && timeLimit.get().compareTo(Duration.ofDays(365)) <= 0,
          "timeLimit",
          timeLimit.get(),
          "above 0 and at most 365 days");
    }
  }

  private static void require(boolean condition, String name, Object value, String expected) {
    if (!condition) {
      throw new IllegalArgumentException(name + " is " + value + ", expected " + expected);
    }
  }

  /** Whether a token is drawn, rather than the best one taken. */
  public boolean draws() {
    return temperature > 0;
  }

  /** Whether tokens are judged by what came before them. */
  public boolean penalizes() {
    return repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0;
  }

  /** A builder that begins with {@link #DEFAULT}. */
  public static Builder builder() {
    return new Builder();
  }

  /** A builder that begins with these. */
  public Builder toBuilder() {
    Builder b = new Builder();
    b.maxNewTokens = maxNewTokens;
    b.minNewTokens = minNewTokens;
    b.temperature = temperature;
    b.topK = topK;
    b.topP = topP;
    b.minP = minP;
    b.repetitionPenalty = repetitionPenalty;
    b.presencePenalty = presencePenalty;
    b.frequencyPenalty = frequencyPenalty;
    b.noRepeatNgram = noRepeatNgram;
    b.suppressedIds = suppressedIds;
    b.forcedStart = forcedStart;
    b.forcedEnd = forcedEnd;
    b.seed = seed;
    b.beams = beams;
    b.lengthPenalty = lengthPenalty;
    b.earlyStopping = earlyStopping;
    b.stopAtEndToken = stopAtEndToken;
    b.stopIds = stopIds;
    b.stopStrings = stopStrings;
    b.timeLimit = timeLimit;
    b.contextOverflow = contextOverflow;
    b.cacheShortage = cacheShortage;
    b.logProbabilities = logProbabilities;
    return b;
  }

  /** Named values for {@link GenerationOptions}, which checks them. Not thread-safe. */
  public static final class Builder {
    private int maxNewTokens = 256;
    private int minNewTokens;
    private double temperature;
    private int topK;
    private double topP = 1;
    private double minP;
    private double repetitionPenalty = 1;
    private double presencePenalty;
    private double frequencyPenalty;
    private int noRepeatNgram;
    private Set<Integer> suppressedIds = Set.of();
    private OptionalInt forcedStart = OptionalInt.empty();
    private OptionalInt forcedEnd = OptionalInt.empty();
    private OptionalLong seed = OptionalLong.empty();
    private int beams = 1;
    private double lengthPenalty = 1;
    private EarlyStopping earlyStopping = EarlyStopping.WHEN_UNLIKELY_TO_IMPROVE;
    private boolean stopAtEndToken = true;
    private Set<Integer> stopIds = Set.of();
    private List<String> stopStrings = List.of();
    private Optional<Duration> timeLimit = Optional.empty();
    private ContextOverflow contextOverflow = ContextOverflow.REFUSE;
    private CacheShortage cacheShortage = CacheShortage.WAIT;
    private boolean logProbabilities;

    private Builder() {}

    public Builder maxNewTokens(int value) {
      maxNewTokens = value;
      return this;
    }

    public Builder minNewTokens(int value) {
      minNewTokens = value;
      return this;
    }

    public Builder temperature(double value) {
      temperature = value;
      return this;
    }

    public Builder topK(int value) {
      topK = value;
      return this;
    }

    public Builder topP(double value) {
      topP = value;
      return this;
    }

    public Builder minP(double value) {
      minP = value;
      return this;
    }

    public Builder repetitionPenalty(double value) {
      repetitionPenalty = value;
      return this;
    }

    public Builder presencePenalty(double value) {
      presencePenalty = value;
      return this;
    }

    public Builder frequencyPenalty(double value) {
      frequencyPenalty = value;
      return this;
    }

    public Builder noRepeatNgram(int value) {
      noRepeatNgram = value;
      return this;
    }

    public Builder suppressedIds(Set<Integer> value) {
      suppressedIds = value;
      return this;
    }

    public Builder forcedStart(int value) {
      forcedStart = OptionalInt.of(value);
      return this;
    }

    public Builder forcedEnd(int value) {
      forcedEnd = OptionalInt.of(value);
      return this;
    }

    public Builder seed(long value) {
      seed = OptionalLong.of(value);
      return this;
    }

    public Builder beams(int value) {
      beams = value;
      return this;
    }

    public Builder lengthPenalty(double value) {
      lengthPenalty = value;
      return this;
    }

    public Builder earlyStopping(EarlyStopping value) {
      earlyStopping = value;
      return this;
    }

    public Builder stopAtEndToken(boolean value) {
      stopAtEndToken = value;
      return this;
    }

    public Builder stopIds(Set<Integer> value) {
      stopIds = value;
      return this;
    }

    public Builder stopStrings(List<String> value) {
      stopStrings = value;
      return this;
    }

    public Builder timeLimit(Duration value) {
      timeLimit = Optional.of(value);
      return this;
    }

    public Builder contextOverflow(ContextOverflow value) {
      contextOverflow = value;
      return this;
    }

    public Builder cacheShortage(CacheShortage value) {
      cacheShortage = value;
      return this;
    }

    public Builder logProbabilities(boolean value) {
      logProbabilities = value;
      return this;
    }

    /**
     * @throws IllegalArgumentException if a value is outside its range
     */
    public GenerationOptions build() {
      return new GenerationOptions(
          maxNewTokens,
          minNewTokens,
          temperature,
          topK,
          topP,
          minP,
          repetitionPenalty,
          presencePenalty,
          frequencyPenalty,
          noRepeatNgram,
          suppressedIds,
          forcedStart,
          forcedEnd,
          seed,
          beams,
          lengthPenalty,
          earlyStopping,
          stopAtEndToken,
          stopIds,
          stopStrings,
          timeLimit,
          contextOverflow,
          cacheShortage,
          logProbabilities);
    }
  }
}
