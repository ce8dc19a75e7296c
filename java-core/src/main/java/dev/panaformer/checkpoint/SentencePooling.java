package dev.panaformer.checkpoint;

/** How sentence-transformers reduces the token vectors of a text to one vector. */
public enum SentencePooling {
  /** The vector of the first token. */
  CLS,
  /** The mean of all token vectors. */
  MEAN,
  /** The maximum of each feature over all tokens. */
  MAX,
  /** The vector of the last token. */
  LAST
}
