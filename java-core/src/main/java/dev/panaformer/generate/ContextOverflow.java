package dev.panaformer.generate;

/** What happens to a text that is longer than the context of the model. */
public enum ContextOverflow {
  /**
   * A prompt that leaves no room for a token is an {@link IllegalArgumentException}; a generation
   * that fills the context ends with {@link FinishReason#CONTEXT}.
   */
  REFUSE,
  /**
   * The oldest tokens are forgotten: of a prompt those that do not fit, of a full context its older
   * half. What is left is computed anew, at positions from 0.
   */
  SLIDE
}
