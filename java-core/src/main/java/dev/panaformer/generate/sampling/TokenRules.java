package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.GenerationOptions;
import java.lang.foreign.MemorySegment;

/**
 * Which tokens may not, or have to, come next, as the logits processors of Hugging Face's
 * transformers decide it: repeated n-grams and suppressed tokens have probability 0, a forced token
 * has 1.
 */
public final class TokenRules {
  private final GenerationOptions options;
  private final int maxNewTokens;

  /**
   * @param maxNewTokens after which a text ends in any case
   */
  public TokenRules(GenerationOptions options, int maxNewTokens) {
    this.options = options;
    this.maxNewTokens = maxNewTokens;
  }

  /** Whether there is anything to do for the token after {@code generated} others. */
  public boolean apply(int generated) {
    return options.noRepeatNgram() > 0
        || !options.suppressedIds().isEmpty()
        || forced(generated) >= 0;
  }

  /** The token that has to come next; -1 if there is a choice. */
  private int forced(int generated) {
    if (generated == maxNewTokens - 1 && options.forcedEnd().isPresent()) {
      return options.forcedEnd().getAsInt();
    }
    return generated == 0 ? options.forcedStart().orElse(-1) : -1;
  }

  /**
   * Changes a row of logits in place.
   *
   * @param logits float32, the row's beginning at {@code offset}
   * @param certain the value of a token that has to come: in a beam search, what makes its
   *     log-probability 0
   * @param ids prompt and generated text, the first {@code length} of them
   */
  public void apply(
      MemorySegment logits,
      long offset,
      int vocabulary,
      float certain,
      int[] ids,
      int length,
      int generated) {
    int forced = forced(generated);
    if (forced >= 0) {
      for (long id = 0; id < vocabulary; id++) {
        forbid(logits, offset + id);
      }
      logits.setAtIndex(JAVA_FLOAT, offset + forced, certain);
      return;
    }
    forbidRepetition(logits, offset, ids, length);
    for (int id : options.suppressedIds()) {
      forbid(logits, offset + id);
    }
  }

  private void forbidRepetition(MemorySegment logits, long offset, int[] ids, int length) {
    int n = options.noRepeatNgram();
    for (int start = 0; n > 0 && start + n <= length; start++) {
      int same = 0;
      while (same < n - 1 && ids[start + same] == ids[length - n + 1 + same]) {
        same++;
      }
      // A row of embeddings, whose id is negative, is no token that could be forbidden.
      if (same == n - 1 && ids[start + n - 1] >= 0) {
        forbid(logits, offset + ids[start + n - 1]);
      }
    }
  }

  private static void forbid(MemorySegment logits, long index) {
    logits.setAtIndex(JAVA_FLOAT, index, Float.NEGATIVE_INFINITY);
  }
}
