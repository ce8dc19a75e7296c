package dev.panaformer.generate.schedule;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.ContextOverflow;
import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.sampling.Candidates;
import dev.panaformer.generate.sampling.Sampler;
import dev.panaformer.generate.sampling.TokenCounts;
import dev.panaformer.generate.sampling.TokenRules;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;

/** A text that is continued token by token, by sampling or greedily. */
final class SampleTask extends GenerationTask {
  /**
   * With more candidates, the kernel that keeps them sorted is slower than computing the logits.
   */
  private static final int MAX_FUSED_CANDIDATES = 256;

  private final Sampler sampler;
  private final TokenRules rules;
  private final TokenCounts counts = new TokenCounts();
  private final int promptLength;
  private final int shared;

  private Decoder decoder;
  private Decoder.Sequence sequence;
  private int[] ids;
  private int length;

  /** The first token in the context. Earlier tokens have been dropped. */
  private int start;

  private int generated;
  private int planned;
  private float logSumExp;
  private float[] unchanged = {};

  SampleTask(
      RunningGeneration generation,
      int[] prompt,
      CachedPrefix prefix,
      Source source,
      float[] rows,
      Set<Integer> ends,
      Decoder shape) {
    super(generation, prefix, source, rows, ends, shape);
    // A context that slides no longer begins with the prefix.
    boolean slides = options.contextOverflow() == ContextOverflow.SLIDE;
    this.shared = slides ? 0 : sharedBlocks(prompt.length);
    this.rules = new TokenRules(options, options.maxNewTokens());
    this.sampler = new Sampler(options, generation.seed());
    this.ids = prompt.clone();
    this.length = prompt.length;
    this.promptLength = prompt.length;
    if (options.penalizes()) {
      counts.addPrompt(prompt);
    }
  }

  @Override
  int blocks() {
    long tokens = Math.min((long) promptLength + options.maxNewTokens() - 1, contextLength);
    return ceilDiv((int) tokens, blockTokens) - shared + sourceBlocks();
  }

  @Override
  int width() {
    return 1;
  }

  @Override
  void start(Decoder decoder) {
    this.decoder = decoder;
    sequence = open(decoder, promptLength);
  }

  @Override
  int pending() {
    return length - start - sequence.length();
  }

  @Override
  boolean reading() {
    return pending() > 1;
  }

  @Override
  void plan(int budget) {
    planned = 0;
    int from = start + sequence.length();
    int tokens = Math.min(budget, pending());
    decoder.add(sequence, ids, from, from + tokens);
    planned = tokens;
  }

  @Override
  void undo() {
    sequence.truncate(sequence.length() - planned);
    planned = 0;
  }

  @Override
  int planned() {
    return planned;
  }

  @Override
  int rows() {
    return pending() == 0 ? 1 : 0;
  }

  @Override
  int candidates() {
    return sampler.candidates(vocabulary);
  }

  @Override
  float inverseTemperature() {
    return sampler.inverseTemperature();
  }

  @Override
  boolean needsSums() {
    return options.logProbabilities() || sampler.needsSums();
  }

  @Override
  boolean needsLogits() {
    return adjusts() || candidates() > MAX_FUSED_CANDIDATES;
  }

  @Override
  boolean adjusts() {
    // The sampler and the log-probabilities need sums at different temperatures.
    boolean twoSums = options.logProbabilities() && sampler.inverseTemperature() != 1;
    return options.penalizes() || suppressesEnds(generated) || rules.apply(generated) || twoSums;
  }

  @Override
  void adjust(MemorySegment logits, long offset, float[] logSumExp, int row) {
    this.logSumExp = logSumExp[row];
    if (options.logProbabilities()) {
      unchanged =
          logits.asSlice(offset * Float.BYTES, (long) vocabulary * Float.BYTES).toArray(JAVA_FLOAT);
    }
    counts.penalize(logits, offset, 0, options);
    if (suppressesEnds(generated)) {
      suppressEnds(logits, offset);
    }
    if (rules.apply(generated)) {
      rules.apply(logits, offset, vocabulary, 0, ids, length, generated);
    }
  }

  @Override
  boolean accept(Candidates candidates, int row, int count, MemorySegment logits, long offset) {
    int id = sampler.choose(candidates, row, generated, vocabulary);
    if (id == Sampler.UNDECIDED) {
      if (logits == null) {
        return false;
      }
      id = sampler.chooseAmongAll(candidates, row, generated, logits, offset, vocabulary);
    }
    append(id, logProbability(id, candidates, row, logits, offset));
    return true;
  }

  private float logProbability(
      int id, Candidates candidates, int row, MemorySegment logits, long offset) {
    if (!options.logProbabilities()) {
      return Float.NaN;
    }
    if (adjusts()) {
      return unchanged[id] - logSumExp;
    }
    for (int i = 0; i < candidates(); i++) {
      if (candidates.id(row, i) == id) {
        return candidates.value(row, i) - candidates.logSumExp(row);
      }
    }
    return logits.getAtIndex(JAVA_FLOAT, offset + id) - candidates.logSumExp(row);
  }

  private void append(int id, float logProbability) {
    if (length == ids.length) {
      ids = Arrays.copyOf(ids, 2 * length + 16);
    }
    ids[length++] = id;
    generated++;
    if (options.penalizes()) {
      counts.addGenerated(id);
    }
    if (generation.add(id, logProbability, isEnd(id))) {
      finish(FinishReason.STOP_STRING);
    } else if (isEnd(id)) {
      finish(FinishReason.STOP_ID);
    } else if (generated == options.maxNewTokens()) {
      finish(FinishReason.LENGTH);
    } else if (length - start > contextLength) {
      if (options.contextOverflow() == ContextOverflow.SLIDE) {
        slide();
      } else {
        finish(FinishReason.CONTEXT);
      }
    }
  }

  /** Evaluates the remaining tokens again, because their cached keys contain the old positions. */
  private void slide() {
    start = length - Math.max(1, contextLength / 2);
    sequence.truncate(0);
  }

  @Override
  void release() {
    if (sequence != null) {
      sequence.close();
    }
  }
}
