package dev.panaformer.generate.schedule;

import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.sampling.Candidates;
import java.lang.foreign.MemorySegment;

/**
 * A unit of work of the {@link Scheduler}: a text that is continued, a beam search, a text that is
 * scored, or a prefix that is evaluated. After its submission, only the scheduler's thread uses it.
 */
abstract class Task {
  /** The maximum number of cache blocks that the task will hold, without those of its prefix. */
  abstract int blocks();

  /** The maximum number of sequences that the task will have in a pass. */
  abstract int width();

  /** Opens the sequences of the task in the cache. */
  abstract void start(Decoder decoder);

  /**
   * The number of tokens to evaluate before the task can continue. While decoding, this is 1 for
   * each sequence.
   */
  abstract int pending();

  /** Whether the task is reading its prompt, which can be divided over several steps. */
  abstract boolean reading();

  /**
   * Adds at most {@code budget} tokens of the prompt to a pass, or the next token of every decoding
   * sequence.
   */
  abstract void plan(int budget);

  /** Reverts {@link #plan}. */
  abstract void undo();

  /** The number of planned tokens, counted from the last one, whose logits the task needs. */
  abstract int rows();

  /** The number of tokens that were planned. */
  abstract int planned();

  /** The number of candidates that the task needs for each row, at least 1. */
  abstract int candidates();

  /** The factor for the logits before they become probabilities. */
  abstract float inverseTemperature();

  /** Whether the task reads {@link Candidates#logSumExp}. */
  abstract boolean needsSums();

  /** Whether the task needs logits in memory in addition to candidates. */
  abstract boolean needsLogits();

  /** Whether {@link #adjust} is to be called. */
  abstract boolean adjusts();

  /**
   * Changes the task's rows of logits before candidates are chosen.
   *
   * @param logits the logits; the first row starts at {@code offset}
   * @param logSumExp the log-sum-exp of the unchanged rows at inverse temperature 1; the first row
   *     is at {@code row}
   */
  abstract void adjust(MemorySegment logits, long offset, float[] logSumExp, int row);

  /**
   * Continues the task with the results of its next {@code count} rows. These are all of its rows,
   * except for a text that is scored.
   *
   * @param row the first of these rows among the candidates
   * @param logits the logits of the first of these rows, starting at {@code offset}; null if they
   *     are not kept
   * @return whether the candidates sufficed; always true if logits are given
   */
  abstract boolean accept(
      Candidates candidates, int row, int count, MemorySegment logits, long offset);

  /** Ends the task if it is cancelled or its time limit is reached. */
  abstract void checkInterrupted();

  abstract void cancel();

  /** Whether the task has ended. */
  abstract boolean done();

  /** What happens to the task if the cache has no room. */
  abstract CacheShortage cacheShortage();

  /** The prefix that the task continues; null for none. */
  CachedPrefix prefix() {
    return null;
  }

  /** Whether the rows of the task can be processed in several parts. */
  boolean divisible() {
    return false;
  }

  abstract void fail(RuntimeException cause);

  /** Releases the blocks that the task holds. */
  abstract void release();

  /** Runs an action. If it throws, only this task fails. Has no effect if the task has ended. */
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
