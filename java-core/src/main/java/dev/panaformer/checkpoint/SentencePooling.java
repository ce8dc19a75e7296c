package dev.panaformer.checkpoint;

/** How sentence-transformers makes one vector of the token vectors of a text. */
public enum SentencePooling {
  /** The first token's vector. */
  CLS,
  /** The mean of all vectors. */
  MEAN,
  /** The maximum of each feature. */
  MAX,
  /** The last token's vector. */
  LAST
}
