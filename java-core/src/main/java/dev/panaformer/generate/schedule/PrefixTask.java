package dev.panaformer.generate.schedule;

import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.sampling.Candidates;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;

/** Evaluates the tokens of a {@link CachedPrefix}. */
final class PrefixTask extends Task {
  private final CachedPrefix prefix;
  private final int blockTokens;
  private Decoder decoder;
  private Decoder.Sequence sequence;
  private int planned;
  private boolean done;
  private volatile boolean cancelled;

  PrefixTask(CachedPrefix prefix, Decoder shape) {
    this.prefix = prefix;
    this.blockTokens = shape.blockTokens();
  }

  @Override
  int blocks() {
    return ceilDiv(prefix.length(), blockTokens);
  }

  @Override
  int width() {
    return 1;
  }

  @Override
  void start(Decoder decoder) {
    this.decoder = decoder;
    sequence = decoder.open();
  }

  @Override
  int pending() {
    return prefix.length() - sequence.length();
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
    decoder.add(sequence, prefix.ids(), from, from + tokens);
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
    return 0;
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
    return false;
  }

  @Override
  boolean needsLogits() {
    return false;
  }

  @Override
  boolean adjusts() {
    return false;
  }

  @Override
  void adjust(MemorySegment logits, long offset, float[] logSumExp, int row) {}

  @Override
  boolean accept(Candidates candidates, int row, int count, MemorySegment logits, long offset) {
    return true;
  }

  @Override
  void checkInterrupted() {
    if (cancelled) {
      fail(new CancellationException("cancelled while reading a prefix"));
    }
  }

  @Override
  void cancel() {
    cancelled = true;
  }

  /** Whether all tokens are evaluated, so that the sequence can be handed over. */
  boolean complete() {
    return !done && sequence != null && pending() == 0;
  }

  /** Transfers the sequence and its blocks to the prefix. */
  CachedPrefix handOver() {
    done = true;
    prefix.keep(sequence);
    sequence = null;
    return prefix;
  }

  @Override
  boolean done() {
    return done;
  }

  @Override
  CacheShortage cacheShortage() {
    return CacheShortage.FAIL;
  }

  @Override
  void fail(RuntimeException cause) {
    done = true;
    prefix.computed().completeExceptionally(cause);
  }

  @Override
  void release() {
    if (sequence != null) {
      sequence.close();
    }
  }
}
