package dev.panaformer.kernel;

/** How a map gets another resolution. The order is that of {@code pf_interpolation}. */
public enum Interpolation {
  BILINEAR,
  /** Keys 1981, with a = -0.75. */
  BICUBIC
}
