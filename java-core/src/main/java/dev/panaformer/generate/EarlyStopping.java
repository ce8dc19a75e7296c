package dev.panaformer.generate;

/** When a beam search has enough finished hypotheses. Hugging Face's {@code early_stopping}. */
public enum EarlyStopping {
  /** As soon as there are as many as beams: {@code True}. */
  WHEN_FULL,
  /**
   * When the best running hypothesis, were it finished now, would be worse than the worst finished
   * one: {@code False}.
   */
  WHEN_UNLIKELY_TO_IMPROVE,
  /**
   * When no running hypothesis can become better than the worst finished one at any length: {@code
   * "never"}.
   */
  WHEN_IMPOSSIBLE_TO_IMPROVE
}
