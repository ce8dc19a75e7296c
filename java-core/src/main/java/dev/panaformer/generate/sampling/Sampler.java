package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.NonFiniteLogitsException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Chooses a sequence's next token. The largest few logits nearly always decide, so that the rest of
 * the vocabulary stays where it was computed: with their probabilities in descending order, a
 * number drawn from [0, 1) falls among them, or the set that top-p or min-p allows ends within
 * them. Where it does not, {@link #choose} says so and is asked again with all logits of the row;
 * the draw is the same.
 *
 * <p>Belongs to one sequence. Not thread-safe.
 */
public final class Sampler {
  /** What {@link #choose} returns when the candidates do not tell. */
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

  /** What the row's {@link Candidates#logSumExp} is to be computed with. */
  public float inverseTemperature() {
    return inverseTemperature;
  }

  /** Whether {@link Candidates#logSumExp} is read: what top-k leaves needs no others to add up. */
  public boolean needsSums() {
    return options.draws() && options.topK() == 0;
  }

  /** How many candidates {@link #choose} wants to see. */
  public int candidates(int vocabulary) {
    if (!options.draws()) {
      return 1;
    }
    return Math.min(options.topK() > 0 ? options.topK() : CANDIDATES, vocabulary);
  }

  /**
   * @param candidates at least {@link #candidates} of each row
   * @param row the sequence's
   * @param token which new token this is, from 0: the place of its draw
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
   * Chooses by all logits of the row, after {@link #choose} was undecided.
   *
   * @param logits float32, the row's beginning at {@code offset}
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
   * The draw fell behind the candidates: the other tokens take the rest of [0, 1) in the order of
   * their ids, which is as good as any.
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
    // Tokens of less than this have less than 1 - topP together, so that none of them is kept.
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
   * @param before what the larger ones have together
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
    // Rounding can leave a sum that is short of its total by a hair.
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

  /** Of top-k relative to the first one's. */
  private double probability(Candidates candidates, int row, int i) {
    float scale =
        needsSums() ? candidates.logSumExp(row) : candidates.value(row, 0) * inverseTemperature;
    return probability(candidates.value(row, i), scale);
  }

  private double probability(float logit, float logSumExp) {
    return Math.exp((double) logit * inverseTemperature - logSumExp);
  }
}
