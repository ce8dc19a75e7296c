package dev.panaformer.generate.schedule;

import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.RankedText;
import dev.panaformer.generate.sampling.BeamSearch;
import dev.panaformer.generate.sampling.BeamSearch.Hypothesis;
import dev.panaformer.generate.sampling.Candidates;
import dev.panaformer.generate.sampling.TokenCounts;
import dev.panaformer.generate.sampling.TokenRules;
import dev.panaformer.generate.text.StopStrings;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;
import java.util.function.Function;

/**
 * A beam search. Its hypotheses share the cache blocks of their common beginning, which includes
 * the prompt.
 */
final class BeamTask extends GenerationTask {
  private final int[] prompt;
  private final int maxNewTokens;
  private final boolean shortOfContext;
  private final BeamSearch search;
  private final TokenRules rules;
  private final Function<int[], String> decode;

  private Decoder decoder;
  private Decoder.Sequence[] sequences = {};
  private float[] logSumExp = {};
  private int planned;

  /**
   * @param decode decodes ids to text; null if there is no tokenizer
   */
  BeamTask(
      RunningGeneration generation,
      int[] prompt,
      CachedPrefix prefix,
      Source source,
      float[] rows,
      Set<Integer> ends,
      Decoder shape,
      Function<int[], String> decode) {
    super(generation, prefix, source, rows, ends, shape);
    this.prompt = prompt;
    this.decode = decode;
    int room = contextLength - prompt.length + 1;
    this.maxNewTokens = Math.min(options.maxNewTokens(), room);
    this.shortOfContext = maxNewTokens < options.maxNewTokens();
    this.rules = new TokenRules(options, maxNewTokens);
    this.search = new BeamSearch(options, maxNewTokens, endCount(), this::ends);
  }

  private boolean ends(Hypothesis hypothesis) {
    return isEnd(hypothesis.id())
        || !options.stopStrings().isEmpty()
            && StopStrings.first(decode.apply(hypothesis.ids()), options.stopStrings()) >= 0;
  }

  @Override
  int blocks() {
    int all = ceilDiv(prompt.length + maxNewTokens - 1, blockTokens);
    int shared = prompt.length / blockTokens;
    return shared - sharedBlocks(prompt.length) + options.beams() * (all - shared) + sourceBlocks();
  }

  @Override
  int width() {
    return options.beams();
  }

  @Override
  void start(Decoder decoder) {
    this.decoder = decoder;
    sequences = new Decoder.Sequence[] {open(decoder, prompt.length)};
  }

  @Override
  int pending() {
    return reading() ? prompt.length - sequences[0].length() : sequences.length;
  }

  @Override
  boolean reading() {
    return sequences[0].length() < prompt.length;
  }

  @Override
  void plan(int budget) {
    planned = 0;
    if (reading()) {
      int from = sequences[0].length();
      int tokens = Math.min(budget, pending());
      decoder.add(sequences[0], prompt, from, from + tokens);
      planned = tokens;
      return;
    }
    Hypothesis[] running = search.running();
    for (int b = 0; b < running.length; b++) {
      decoder.add(sequences[b], new int[] {running[b].id()}, 0, 1);
      planned++;
    }
  }

  @Override
  void undo() {
    if (sequences[0].length() <= prompt.length) {
      sequences[0].truncate(sequences[0].length() - planned);
    } else {
      for (int b = 0; b < planned; b++) {
        sequences[b].truncate(sequences[b].length() - 1);
      }
    }
    planned = 0;
  }

  @Override
  int planned() {
    return planned;
  }

  @Override
  int rows() {
    return reading() ? 0 : search.running().length;
  }

  @Override
  int candidates() {
    return search.candidates(vocabulary);
  }

  @Override
  float inverseTemperature() {
    return 1;
  }

  @Override
  boolean needsSums() {
    return true;
  }

  @Override
  boolean needsLogits() {
    return adjusts();
  }

  @Override
  boolean adjusts() {
    return options.penalizes() || suppressesEnds(generated()) || rules.apply(generated());
  }

  private int generated() {
    return search.running()[0].length();
  }

  @Override
  void adjust(MemorySegment logits, long offset, float[] logSumExp, int row) {
    Hypothesis[] running = search.running();
    this.logSumExp = Arrays.copyOfRange(logSumExp, row, row + running.length);
    for (int b = 0; b < running.length; b++) {
      long start = offset + (long) b * vocabulary;
      if (options.penalizes()) {
        TokenCounts counts = new TokenCounts();
        counts.addPrompt(prompt);
        for (int id : running[b].ids()) {
          counts.addGenerated(id);
        }
        // The reference applies the penalties to log-probabilities here, not to logits.
        counts.penalize(logits, start, this.logSumExp[b], options);
      }
      if (suppressesEnds(generated())) {
        suppressEnds(logits, start);
      }
      if (rules.apply(generated())) {
        int[] ids = Arrays.copyOf(prompt, prompt.length + generated());
        System.arraycopy(running[b].ids(), 0, ids, prompt.length, generated());
        rules.apply(logits, start, vocabulary, this.logSumExp[b], ids, ids.length, generated());
      }
    }
  }

  @Override
  boolean accept(Candidates candidates, int row, int count, MemorySegment logits, long offset) {
    if (!adjusts()) {
      logSumExp = new float[count];
      for (int b = 0; b < count; b++) {
        logSumExp[b] = candidates.logSumExp(row + b);
      }
    }
    search.step(candidates, row, logSumExp, vocabulary);
    if (search.done()) {
      rank();
      show(search.best());
    } else {
      follow(search.parents());
    }
    return true;
  }

  private void follow(int[] parents) {
    Decoder.Sequence[] next = new Decoder.Sequence[parents.length];
    boolean[] taken = new boolean[sequences.length];
    for (int b = 0; b < next.length; b++) {
      int parent = parents[b];
      next[b] = taken[parent] ? sequences[parent].fork() : sequences[parent];
      taken[parent] = true;
    }
    for (int b = 0; b < sequences.length; b++) {
      if (!taken[b]) {
        sequences[b].close();
      }
    }
    sequences = next;
  }

  private void rank() {
    generation.rank(
        search.ranking().stream()
            .map(r -> new RankedText(decode == null ? "" : text(r.ids()), r.ids(), r.score()))
            .toList());
  }

  /** The text of the ids, without the token or string that ends it. */
  private String text(int[] ids) {
    boolean ended = ids.length > 0 && isEnd(ids[ids.length - 1]);
    String text = decode.apply(ended ? Arrays.copyOf(ids, ids.length - 1) : ids);
    int stop = StopStrings.first(text, options.stopStrings());
    return stop < 0 ? text : text.substring(0, stop);
  }

  private void show(int[] ids) {
    for (int id : ids) {
      if (generation.add(id, Float.NaN, isEnd(id))) {
        finish(FinishReason.STOP_STRING);
        return;
      }
    }
    if (isEnd(ids[ids.length - 1])) {
      finish(FinishReason.STOP_ID);
    } else {
      finish(shortOfContext ? FinishReason.CONTEXT : FinishReason.LENGTH);
    }
  }

  @Override
  void release() {
    for (Decoder.Sequence sequence : sequences) {
      sequence.close();
    }
  }
}
