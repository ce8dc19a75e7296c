package dev.panaformer.generate;

/** When a beam search stops. Corresponds to Hugging Face's {@code early_stopping}. */
public enum EarlyStopping {
  /** Stops as soon as there are as many finished hypotheses as beams: {@code True}. */
  WHEN_FULL,
  /**
   * Stops when the best running hypothesis, if it were finished now, would have a lower score than
   * the worst finished one: {@code False}.
   */
  WHEN_UNLIKELY_TO_IMPROVE,
  /**
   * Stops when no running hypothesis can exceed the score of the worst finished one at any length:
   * {@code "never"}.
   */
  WHEN_IMPOSSIBLE_TO_IMPROVE
}
