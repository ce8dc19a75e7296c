package dev.panaformer.model.text;

/** The tokens that see all of their sequence, in models where not all do, unless a caller says. */
public enum GlobalTokens {
  NONE,
  /** The one that stands for the sequence. */
  FIRST,
  /** Those before the first separator: of a question and a context the question. */
  QUESTION
}
