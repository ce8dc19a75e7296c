package dev.panaformer.kernel.embedding;

import static dev.panaformer.bindings.panaformer_h.PF_POOLING_CLS;
import static dev.panaformer.bindings.panaformer_h.PF_POOLING_LAST;
import static dev.panaformer.bindings.panaformer_h.PF_POOLING_MAX;
import static dev.panaformer.bindings.panaformer_h.PF_POOLING_MEAN;

/** How the vectors of a sequence's tokens are combined into one vector. */
public enum Pooling {
  /** The vector of the first token. */
  CLS(PF_POOLING_CLS()),
  MEAN(PF_POOLING_MEAN()),
  /** The maximum over the tokens, for each feature separately. */
  MAX(PF_POOLING_MAX()),
  /** The vector of the last token. */
  LAST(PF_POOLING_LAST());

  private final int value;

  Pooling(int value) {
    this.value = value;
  }

  /** Returns the constant of the C interface. */
  public int value() {
    return value;
  }
}
