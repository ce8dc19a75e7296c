package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.NonFiniteLogitsException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Chooses the next token of a sequence. The few largest logits nearly always suffice, so the other
 * logits need not be copied from where they were computed: with the probabilities in descending
 * order, the random number from [0, 1) selects one of the candidates, or the set that top-p or
 * min-p allows lies within them. If the candidates do not suffice, {@link #choose} returns {@link
 * #UNDECIDED}. The caller then passes all logits of the row to {@link #chooseAmongAll}, which uses
 * the same random number.
 *
 * <p>Each sequence has its own instance. Not thread-safe.
 */
public final class Sampler {
  /** The result of {@link #choose} if the candidates do not suffice. */
  public static final int UNDECIDED = -1;

  private static final int CANDIDATES = 64;

  private final GenerationOptions options;
  private final long seed;
  private final float inverseTemperature;
  private long[] order = {};

  public Sampler(GenerationOptions options, long seed) {
    this.options = options;
    this.seed = seed;
    this.inverseTemperature = options.draws() ? (float) (1 / options.temperature()) : 1;
  }

  /** The inverse temperature with which the row's {@link Candidates#logSumExp} is computed. */
  public float inverseTemperature() {
    return inverseTemperature;
  }

  /**
   * Whether {@link Candidates#logSumExp} is needed. With top-k, the candidates contain all tokens
   * that the sum needs.
   */
  public boolean needsSums() {
    return options.draws() && options.topK() == 0;
  }

  /** The number of candidates that {@link #choose} needs. */
  public int candidates(int vocabulary) {
    if (!options.draws()) {
      return 1;
    }
    return Math.min(options.topK() > 0 ? options.topK() : CANDIDATES, vocabulary);
  }

  /**
   * Chooses a token from the candidates.
   *
   * @param candidates at least {@link #candidates} tokens of each row
   * @param row the row of this sequence
   * @param token the index of the new token, from 0, which selects the random number
   * @return an id, or {@link #UNDECIDED}
   * @throws NonFiniteLogitsException if the best logit is not finite
   */
  public int choose(Candidates candidates, int row, int token, int vocabulary) {
    candidates.requireFinite(row, token);
    if (!options.draws()) {
      return candidates.id(row, 0);
    }
    int wanted = candidates(vocabulary);
    boolean complete = options.topK() > 0 || wanted == vocabulary;
    double total = options.topK() > 0 ? mass(candidates, row, wanted) : 1;
    if (!truncates()) {
      return draw(candidates, row, wanted, total, token, complete);
    }
    double first = probability(candidates, row, 0);
    double kept = 0;
    for (int i = 0; i < wanted; i++) {
      double p = probability(candidates, row, i);
      if (excluded(p, first, kept / total)) {
        return draw(candidates, row, i, kept, token, true);
      }
      kept += p;
    }
    return complete ? draw(candidates, row, wanted, kept, token, true) : UNDECIDED;
  }

  /**
   * Chooses from all logits of the row, after {@link #choose} was undecided.
   *
   * @param logits float32; the row starts at {@code offset}
   */
  public int chooseAmongAll(
      Candidates candidates,
      int row,
      int token,
      MemorySegment logits,
      long offset,
      int vocabulary) {
    float logSumExp = candidates.logSumExp(row);
    return truncates()
        ? chooseTruncated(logits, offset, vocabulary, logSumExp, token)
        : chooseBehind(candidates, row, logits, offset, vocabulary, token);
  }

  /**
   * Chooses among the tokens that are not candidates, because the random number lies beyond them.
   * They divide the rest of [0, 1) in the order of their ids, since any order is valid.
   */
  private int chooseBehind(
      Candidates candidates,
      int row,
      MemorySegment logits,
      long offset,
      int vocabulary,
      int token) {
    int wanted = candidates(vocabulary);
    int[] before = new int[wanted];
    for (int i = 0; i < wanted; i++) {
      before[i] = candidates.id(row, i);
    }
    Arrays.sort(before);
    float logSumExp = candidates.logSumExp(row);
    double target = CounterRandom.uniform(seed, token) - mass(candidates, row, wanted);
    int last = candidates.id(row, wanted - 1);
    int next = 0;
    for (int id = 0; id < vocabulary; id++) {
      if (next < wanted && before[next] == id) {
        next++;
        continue;
      }
      double p = probability(logits.getAtIndex(JAVA_FLOAT, offset + id), logSumExp);
      if (p > 0) {
        last = id;
        target -= p;
        if (target < 0) {
          break;
        }
      }
    }
    return last;
  }

  private int chooseTruncated(
      MemorySegment logits, long offset, int vocabulary, float logSumExp, int token) {
    float max = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < vocabulary; id++) {
      max = Math.max(max, logits.getAtIndex(JAVA_FLOAT, offset + id));
    }
    double first = probability(max, logSumExp);
    // Tokens below this probability have less than 1 - topP together, so none of them is kept.
    double least = Math.max((1 - options.topP()) / vocabulary, options.minP() * first);
    if (order.length < vocabulary) {
      order = new long[vocabulary];
    }
    int count = 0;
    for (int id = 0; id < vocabulary; id++) {
      float logit = logits.getAtIndex(JAVA_FLOAT, offset + id);
      if (probability(logit, logSumExp) >= least) {
        order[count++] = descending(logit) << 32 | id;
      }
    }
    Arrays.sort(order, 0, count);
    double kept = 0;
    int end = 0;
    while (end < count) {
      double p = probability(logit(logits, offset, order[end]), logSumExp);
      if (excluded(p, first, kept)) {
        break;
      }
      kept += p;
      end++;
    }
    double target = CounterRandom.uniform(seed, token) * kept;
    for (int i = 0; i < end; i++) {
      target -= probability(logit(logits, offset, order[i]), logSumExp);
      if (target < 0) {
        return (int) order[i];
      }
    }
    return (int) order[end - 1];
  }

  /** A key that sorts floats from the largest to the smallest. */
  private static long descending(float value) {
    int bits = Float.floatToIntBits(value);
    return ~(bits ^ (bits >> 31 & Integer.MAX_VALUE));
  }

  private static float logit(MemorySegment logits, long offset, long key) {
    return logits.getAtIndex(JAVA_FLOAT, offset + (int) key);
  }

  private boolean truncates() {
    return options.topP() < 1 || options.minP() > 0;
  }

  /**
   * @param first the largest probability
   * @param before the sum of the larger probabilities
   */
  private boolean excluded(double p, double first, double before) {
    return before >= options.topP() || p < options.minP() * first;
  }

  private int draw(
      Candidates candidates, int row, int count, double total, int token, boolean complete) {
    double target = CounterRandom.uniform(seed, token) * total;
    for (int i = 0; i < count; i++) {
      target -= probability(candidates, row, i);
      if (target < 0) {
        return candidates.id(row, i);
      }
    }
    // Because of rounding, a sum can be slightly smaller than its total.
    return complete ? lastPossible(candidates, row, count) : UNDECIDED;
  }

  private int lastPossible(Candidates candidates, int row, int count) {
    int i = count - 1;
    while (i > 0 && probability(candidates, row, i) == 0) {
      i--;
    }
    return candidates.id(row, i);
  }

  private double mass(Candidates candidates, int row, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += probability(candidates, row, i);
    }
    return sum;
  }

  /** With top-k, the probability relative to that of the first candidate. */
  private double probability(Candidates candidates, int row, int i) {
    float scale =
        needsSums() ? candidates.logSumExp(row) : candidates.value(row, 0) * inverseTemperature;
    return probability(candidates.value(row, i), scale);
  }

  private double probability(float logit, float logSumExp) {
    return Math.exp((double) logit * inverseTemperature - logSumExp);
  }
}
