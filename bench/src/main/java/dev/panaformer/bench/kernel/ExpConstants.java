package dev.panaformer.bench.kernel;

/** Constants of the float exponential function, used with plain Java and with the Vector API. */
final class ExpConstants {
  /** For smaller arguments the result is not a normal number. */
  static final float LEAST = -87;

  static final float LOG2_E = (float) (1 / Math.log(2));

  /** 1.5 · 2²³. Adding it rounds a value to an integer, which is then in the low bits. */
  static final float ROUNDING = 12582912f;

  /** The high part of ln 2. It has so few bits that its products are exact. */
  static final float LN2_HIGH = 0.693359375f;

  static final float LN2_LOW = (float) (Math.log(2) - 0.693359375);
  static final float C3 = 1f / 6;
  static final float C4 = 1f / 24;
  static final float C5 = 1f / 120;
  static final float C6 = 1f / 720;

  private ExpConstants() {}
}
