package dev.panaformer.generate;

/** What happens to a text that is longer than the context of the model. */
public enum ContextOverflow {
  /**
   * A prompt that leaves no room for a new token causes an {@link IllegalArgumentException}. A
   * generation that fills the context ends with {@link FinishReason#CONTEXT}.
   */
  REFUSE,
  /**
   * The oldest tokens are dropped: the excess tokens of a prompt, or the older half of a full
   * context. The remaining tokens are evaluated again, at positions that start at 0.
   */
  SLIDE
}
