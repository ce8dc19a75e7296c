package dev.panaformer.generate.sampling;

import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.GenerationOptions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Beam search that produces the same ids as {@code GenerationMixin._beam_search} of Hugging Face's
 * transformers from version 4.50 on. Each step ranks the best continuations of all beams together.
 * It considers twice as many continuations as beams (more with several end tokens), so that enough
 * of them can continue if the best ones end. Scores are float32, as in the reference. Eliminated
 * hypotheses get a penalty of 1e9 instead of being removed, because that decides ties in the
 * reference.
 *
 * <p>This class does not know the model. Its caller evaluates a row of logits for each {@link
 * #running} hypothesis, calls {@link #step}, and reorders the caches by {@link #parents}. Not
 * thread-safe.
 */
public final class BeamSearch {
  private static final float OUT = -1e9f;

  /**
   * A sequence of generated tokens, as a linked list that ends in the root. The root has no token.
   */
  public record Hypothesis(Hypothesis parent, int id, int length) {
    private static final Hypothesis ROOT = new Hypothesis(null, -1, 0);

    public int[] ids() {
      int[] ids = new int[length];
      Hypothesis h = this;
      for (int i = length - 1; i >= 0; i--) {
        ids[i] = h.id;
        h = h.parent;
      }
      return ids;
    }
  }

  /** Decides whether a hypothesis is finished, by its last token or by its text. */
  @FunctionalInterface
  public interface End {
    boolean test(Hypothesis hypothesis);
  }

  private record Continuation(int beam, Hypothesis hypothesis, float score, boolean ended) {}

  private record Finished(Hypothesis hypothesis, float score, boolean real) {}

  private final int beams;
  private final int kept;
  private final int maxNewTokens;
  private final double lengthPenalty;
  private final EarlyStopping earlyStopping;
  private final End end;

  private Hypothesis[] running;
  private float[] scores;
  private int[] parents;
  private List<Finished> finished;
  private int length;
  private boolean improvable = true;
  private boolean done;

  /**
   * @param maxNewTokens the length at which every hypothesis is finished
   * @param endTokens the number of tokens that end a hypothesis
   */
  public BeamSearch(GenerationOptions options, int maxNewTokens, int endTokens, End end) {
    this.beams = options.beams();
    this.kept = Math.max(2, 1 + endTokens) * beams;
    this.maxNewTokens = maxNewTokens;
    this.lengthPenalty = options.lengthPenalty();
    this.earlyStopping = options.earlyStopping();
    this.end = end;
    this.running = new Hypothesis[] {Hypothesis.ROOT};
    this.scores = new float[] {0};
    this.parents = new int[1];
    this.finished =
        IntStream.range(0, beams).mapToObj(i -> new Finished(Hypothesis.ROOT, OUT, false)).toList();
  }

  /** The number of candidates that a step needs for each row. */
  public int candidates(int vocabulary) {
    return Math.min(kept, vocabulary);
  }

  /**
   * The hypotheses to continue: a single one without tokens before the first step, then one for
   * each beam.
   */
  public Hypothesis[] running() {
    return running;
  }

  /**
   * For each running hypothesis, the index of the hypothesis before the last step that it
   * continues.
   */
  public int[] parents() {
    return parents;
  }

  /** Whether the search is over. */
  public boolean done() {
    return done;
  }

  /** The tokens of the best finished hypothesis, including its end token. */
  public int[] best() {
    return finished.get(0).hypothesis.ids();
  }

  /**
   * A finished hypothesis. Its score is the log-probability divided by the length to the power of
   * the length penalty.
   */
  public record Ranked(int[] ids, float score) {}

  /** All finished hypotheses, best first. */
  public List<Ranked> ranking() {
    return finished.stream()
        .filter(Finished::real)
        .map(f -> new Ranked(f.hypothesis.ids(), f.score))
        .toList();
  }

  /**
   * Continues every hypothesis by one token.
   *
   * @param candidates at least {@link #candidates} tokens of each row
   * @param firstRow the row of the first running hypothesis
   * @param logSumExp for each running hypothesis, the value to subtract from a logit to get the
   *     log-probability
   */
  public void step(Candidates candidates, int firstRow, float[] logSumExp, int vocabulary) {
    List<Continuation> best = continuations(candidates, firstRow, logSumExp, vocabulary);
    collect(best);
    List<Continuation> next =
        IntStream.range(0, best.size())
            .mapToObj(i -> {
              Continuation c = best.get(i);
              float score = c.ended ? c.score + OUT : c.score;
              return new Continuation(c.beam, c.hypothesis, score, c.ended);
            })
            .sorted(Comparator.comparingDouble(c -> -c.score))
            .limit(beams)
            .toList();
    running = next.stream().map(Continuation::hypothesis).toArray(Hypothesis[]::new);
    parents = next.stream().mapToInt(Continuation::beam).toArray();
    scores = new float[next.size()];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = next.get(i).score;
    }
    length++;
    improvable &= canImprove();
    boolean full = finished.stream().allMatch(Finished::real);
    done =
        !improvable
            || full && earlyStopping == EarlyStopping.WHEN_FULL
            || best.stream().allMatch(Continuation::ended);
  }

  private List<Continuation> continuations(
      Candidates candidates, int firstRow, float[] logSumExp, int vocabulary) {
    int count = candidates(vocabulary);
    record Choice(int beam, int id, float score) {}
    List<Choice> choices = new ArrayList<>(running.length * count);
    for (int b = 0; b < running.length; b++) {
      int row = firstRow + b;
      candidates.requireFinite(row, length);
      for (int i = 0; i < count; i++) {
        float logProbability = candidates.value(row, i) - logSumExp[b];
        choices.add(new Choice(b, candidates.id(row, i), logProbability + scores[b]));
      }
    }
    return choices.stream()
        .sorted(Comparator.comparingDouble(c -> -c.score))
        .limit(kept)
        .map(c -> {
          Hypothesis h = new Hypothesis(running[c.beam], c.id, length + 1);
          return new Continuation(c.beam, h, c.score, h.length == maxNewTokens || end.test(h));
        })
        .toList();
  }

  /** Adds hypotheses that have ended to the finished ones if their scores are good enough. */
  private void collect(List<Continuation> best) {
    boolean closed =
        earlyStopping == EarlyStopping.WHEN_FULL && finished.stream().allMatch(Finished::real)
            || !improvable;
    List<Finished> merged = new ArrayList<>(finished);
    float divisor = (float) Math.pow(length + 1, lengthPenalty);
    for (int i = 0; i < best.size() && i < beams && !closed; i++) {
      Continuation c = best.get(i);
      if (c.ended) {
        merged.add(new Finished(c.hypothesis, c.score / divisor, true));
      }
    }
    merged.sort(Comparator.comparingDouble(f -> -f.score));
    finished = List.copyOf(merged.subList(0, beams));
  }

  private boolean canImprove() {
    boolean atAnyLength =
        earlyStopping == EarlyStopping.WHEN_IMPOSSIBLE_TO_IMPROVE && lengthPenalty > 0;
    float divisor = (float) Math.pow(atAnyLength ? maxNewTokens : length, lengthPenalty);
    float bestPossible = scores[0] / divisor;
    float worst = finished.get(beams - 1).score;
    return finished.stream().anyMatch(f -> bestPossible > (f.real ? worst : OUT));
  }
}
