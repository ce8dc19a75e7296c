package dev.panaformer.generate.schedule;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.sampling.Candidates;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;

/** Computes the log-probability of each token of a text, given the tokens before it. */
final class ScoreTask extends Task {
  private final Source source;
  private final int[] ids;
  private final int first;
  private final int vocabulary;
  private final int blockTokens;
  private final float[] scores;
  private final int[] best;
  private final CompletableFuture<TokenScores> end = new CompletableFuture<>();

  private Decoder decoder;
  private Decoder.Sequence sequence;
  private int planned;
  private int scored;
  private volatile boolean cancelled;

  /**
   * @param source the source that the decoder attends to; or null
   * @param ids at least two tokens
   * @param first the first token to be scored, at least 1
   */
  ScoreTask(Source source, int[] ids, int first, Decoder shape) {
    this.source = source;
    this.ids = ids;
    this.first = first;
    this.vocabulary = shape.vocabulary();
    this.blockTokens = shape.blockTokens();
    this.scores = new float[ids.length - first];
    this.best = new int[scores.length];
  }

  /** The scores of the tokens from {@code first} on. */
  CompletableFuture<TokenScores> end() {
    return end;
  }

  @Override
  int blocks() {
    int sourceLength = source == null ? 0 : source.length();
    return ceilDiv(ids.length - 1, blockTokens) + ceilDiv(sourceLength, blockTokens);
  }

  @Override
  int width() {
    return 1;
  }

  @Override
  void start(Decoder decoder) {
    this.decoder = decoder;
    sequence = source == null ? decoder.open() : decoder.open(source);
  }

  /** The last token is not evaluated, because no token follows it. */
  @Override
  int pending() {
    return ids.length - 1 - sequence.length();
  }

  @Override
  boolean reading() {
    return true;
  }

  @Override
  void plan(int budget) {
    planned = 0;
    int from = sequence.length();
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
    return Math.min(planned, Math.max(0, sequence.length() - (first - 1)));
  }

  @Override
  int candidates() {
    return 1;
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
    return true;
  }

  @Override
  boolean adjusts() {
    return false;
  }

  @Override
  void adjust(MemorySegment logits, long offset, float[] logSumExp, int row) {}

  @Override
  boolean accept(Candidates candidates, int row, int count, MemorySegment logits, long offset) {
    for (int i = 0; i < count; i++) {
      candidates.requireFinite(row + i, first + scored);
      long target = offset + (long) i * vocabulary + ids[first + scored];
      best[scored] = candidates.id(row + i, 0);
      scores[scored++] = logits.getAtIndex(JAVA_FLOAT, target) - candidates.logSumExp(row + i);
    }
    if (scored == scores.length) {
      end.complete(new TokenScores(scores, best));
    }
    return true;
  }

  @Override
  void checkInterrupted() {
    if (cancelled) {
      end.completeExceptionally(new CancellationException("cancelled while scoring a text"));
    }
  }

  @Override
  void cancel() {
    cancelled = true;
  }

  @Override
  boolean done() {
    return end.isDone();
  }

  @Override
  boolean divisible() {
    return true;
  }

  @Override
  CacheShortage cacheShortage() {
    return CacheShortage.WAIT;
  }

  @Override
  void fail(RuntimeException cause) {
    end.completeExceptionally(cause);
  }

  @Override
  void release() {
    if (sequence != null) {
      sequence.close();
    }
  }
}
