package dev.panaformer.model.text;

/**
 * The default global tokens of a sequence. A global token attends to all tokens of its sequence, in
 * models where other tokens do not.
 */
public enum GlobalTokens {
  NONE,
  /** The first token, which stands for the whole sequence. */
  FIRST,
  /**
   * The tokens before the first separator. In a pair of question and context these are the
   * question.
   */
  QUESTION
}
