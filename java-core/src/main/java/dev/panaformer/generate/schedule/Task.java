package dev.panaformer.generate.schedule;

import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.sampling.Candidates;
import java.lang.foreign.MemorySegment;

/**
 * What the {@link Scheduler} evaluates: a text that is continued, a beam search, a text that is
 * scored, a prefix that is read. Apart from its submission, only the scheduler's thread uses it.
 */
abstract class Task {
  /** The largest number of blocks of the cache that it will hold, without those of its prefix. */
  abstract int blocks();

  /** The largest number of sequences that it will have in a pass. */
  abstract int width();

  /** Takes its place in the cache. */
  abstract void start(Decoder decoder);

  /** The number of tokens to compute before it can continue; 1 for each sequence that decodes. */
  abstract int pending();

  /** Whether it is reading its prompt, which may be done in pieces. */
  abstract boolean reading();

  /** Adds at most {@code budget} tokens to a pass, or all that decode. */
  abstract void plan(int budget);

  /** Takes back what {@link #plan} did. */
  abstract void undo();

  /** How many of the tokens planned, the last ones, it wants logits of. */
  abstract int rows();

  /** How many tokens were planned. */
  abstract int planned();

  /** How many candidates of each row it wants, at least 1. */
  abstract int candidates();

  /** By which its logits are multiplied before they are probabilities. */
  abstract float inverseTemperature();

  /** Whether it reads {@link Candidates#logSumExp}. */
  abstract boolean needsSums();

  /** Whether it needs logits in memory, not only candidates. */
  abstract boolean needsLogits();

  /** Whether {@link #adjust} is to be called. */
  abstract boolean adjusts();

  /**
   * Changes its rows of logits before candidates are chosen.
   *
   * @param logits its first row beginning at {@code offset}
   * @param logSumExp of the unchanged rows at inverse temperature 1, its first one at {@code row}
   */
  abstract void adjust(MemorySegment logits, long offset, float[] logSumExp, int row);

  /**
   * Goes on by what was computed for the next {@code count} of its rows: all of them, unless it
   * scores a text.
   *
   * @param row the first one among the candidates
   * @param logits the same row's, at {@code offset}; null if they are not kept
   * @return whether the candidates were enough, which they are with logits
   */
  abstract boolean accept(
      Candidates candidates, int row, int count, MemorySegment logits, long offset);

  /** Ends it if it is cancelled or its time is over. */
  abstract void checkInterrupted();

  abstract void cancel();

  /** Whether it has ended. */
  abstract boolean done();

  /** What happens to it if the cache has no room. */
  abstract CacheShortage cacheShortage();

  /** The prefix that it continues; null for none. */
  CachedPrefix prefix() {
    return null;
  }

  /** Whether its rows can be judged some at a time. */
  boolean divisible() {
    return false;
  }

  abstract void fail(RuntimeException cause);

  /** Gives back the blocks that it holds. */
  abstract void release();

  /** Runs an action; an exception fails this task alone. Does nothing if the task is done. */
  final void guard(Runnable action) {
    if (done()) {
      return;
    }
    try {
      action.run();
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}
