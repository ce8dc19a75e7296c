package dev.panaformer.nn;

/** Whether a residual block normalises its input or its output (Xiong et al. 2020). */
public enum NormPlacement {
  /** {@code x + f(norm(x))}: pre-LN. */
  BEFORE,
  /** {@code norm(x + f(x))}: post-LN. */
  AFTER
}
