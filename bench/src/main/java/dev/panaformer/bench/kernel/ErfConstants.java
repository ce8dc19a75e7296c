package dev.panaformer.bench.kernel;

/** Constants of the approximation of erf. Abramowitz and Stegun 1964, formula 7.1.26. */
final class ErfConstants {
  static final float P = 0.3275911f;
  static final float A1 = 0.254829592f;
  static final float A2 = -0.284496736f;
  static final float A3 = 1.421413741f;
  static final float A4 = -1.453152027f;
  static final float A5 = 1.061405429f;

  private ErfConstants() {}
}
