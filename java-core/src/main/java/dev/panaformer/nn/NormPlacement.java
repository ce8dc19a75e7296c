package dev.panaformer.nn;

/** Where a residual block normalises (Xiong et al. 2020). */
public enum NormPlacement {
  /** {@code x + f(norm(x))}: pre-LN. */
  BEFORE,
  /** {@code norm(x + f(x))}: post-LN. */
  AFTER
}
