package dev.panaformer.generate.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.generate.GenerationOptions;
import java.lang.foreign.MemorySegment;

/**
 * Forbids or forces tokens, like the logits processors of Hugging Face's transformers: tokens that
 * would repeat an n-gram and suppressed tokens get probability 0, a forced token gets probability
 * 1.
 */
public final class TokenRules {
  private final GenerationOptions options;
  private final int maxNewTokens;

  /**
   * @param maxNewTokens the maximum number of new tokens
   */
  public TokenRules(GenerationOptions options, int maxNewTokens) {
    this.options = options;
    this.maxNewTokens = maxNewTokens;
  }

  /** Whether a rule applies to the token that follows {@code generated} others. */
  public boolean apply(int generated) {
    return options.noRepeatNgram() > 0
        || !options.suppressedIds().isEmpty()
        || forced(generated) >= 0;
  }

  /** The token that is forced next; -1 if none is. */
  private int forced(int generated) {
    if (generated == maxNewTokens - 1 && options.forcedEnd().isPresent()) {
      return options.forcedEnd().getAsInt();
    }
    return generated == 0 ? options.forcedStart().orElse(-1) : -1;
  }

  /**
   * Applies the rules to a row of logits in place.
   *
   * @param logits float32; the row starts at {@code offset}
   * @param certain the value for a forced token; in a beam search, the value that makes its
   *     log-probability 0
   * @param ids the prompt and the generated text in the first {@code length} elements
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
      // A negative id is a row of embeddings, which cannot be forbidden.
      if (same == n - 1 && ids[start + n - 1] >= 0) {
        forbid(logits, offset + ids[start + n - 1]);
      }
    }
  }

  private static void forbid(MemorySegment logits, long index) {
    logits.setAtIndex(JAVA_FLOAT, index, Float.NEGATIVE_INFINITY);
  }
}
