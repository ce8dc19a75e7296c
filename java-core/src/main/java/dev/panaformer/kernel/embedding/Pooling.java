package dev.panaformer.kernel.embedding;

import static dev.panaformer.bindings.panaformer_h.PF_POOLING_CLS;
import static dev.panaformer.bindings.panaformer_h.PF_POOLING_LAST;
import static dev.panaformer.bindings.panaformer_h.PF_POOLING_MAX;
import static dev.panaformer.bindings.panaformer_h.PF_POOLING_MEAN;

/** How the token vectors of a sequence become one vector. */
public enum Pooling {
  /** The first token. */
  CLS(PF_POOLING_CLS()),
  MEAN(PF_POOLING_MEAN()),
  /** The maximum over the tokens, feature by feature. */
  MAX(PF_POOLING_MAX()),
  /** The last token. */
  LAST(PF_POOLING_LAST());

  private final int value;

  Pooling(int value) {
    this.value = value;
  }

  /** The value that the C interface has for it. */
  public int value() {
    return value;
  }
}
