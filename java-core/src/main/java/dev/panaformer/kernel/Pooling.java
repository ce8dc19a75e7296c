package dev.panaformer.kernel;

/** How the token vectors of a sequence become one. The order is that of {@code pf_pooling}. */
public enum Pooling {
  /** The first token. */
  CLS,
  MEAN,
  /** The maximum over the tokens, feature by feature. */
  MAX,
  /** The last token. */
  LAST
}
