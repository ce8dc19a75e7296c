package dev.panaformer.cli.verify;

import java.util.Locale;

/**
 * How far one output is from its reference.
 *
 * @param output name of the tensor, or of the field of a tokenizer
 * @param shape the reference's, for people
 * @param maxAbs largest absolute difference of two elements
 * @param relL2 {@code ‖ours − reference‖ / ‖reference‖}
 * @param tolerance what was allowed, for people
 * @param ok whether it was met; never true if anything is NaN or infinite
 * @param note what else there is to say, or an empty string
 */
record Comparison(
    String output,
    String shape,
    double maxAbs,
    double relL2,
    String tolerance,
    boolean ok,
    String note) {

  /**
   * Floats against the reference's, where {@code compared} says that an element counts.
   *
   * @param tolerance on the relative L2 error
   */
  static Comparison of(
      String output,
      long[] shape,
      float[] ours,
      float[] reference,
      java.util.function.IntPredicate compared,
      double tolerance) {
    double maxAbs = 0;
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < reference.length; i++) {
      if (compared.test(i)) {
        double d = (double) ours[i] - reference[i];
        maxAbs =
            Double.isNaN(d) || Double.isNaN(maxAbs) ? Double.NaN : Math.max(maxAbs, Math.abs(d));
        difference += d * d;
        norm += (double) reference[i] * reference[i];
      }
    }
    double relL2 = norm > 0 ? Math.sqrt(difference / norm) : Math.sqrt(difference);
    return new Comparison(
        output,
        dev.panaformer.tensor.Tensor.format(shape),
        maxAbs,
        relL2,
        String.format(Locale.ROOT, "%.1e", tolerance),
        relL2 <= tolerance,
        Double.isFinite(relL2) ? "" : "not finite");
  }

  /** An output that the reference has and we do not. */
  static Comparison missing(String output, String shape, String why) {
    return new Comparison(output, shape, Double.NaN, Double.NaN, "-", false, why);
  }

  /** Discrete values, of which {@code differing} are not the reference's. */
  static Comparison exact(String output, int count, int differing, String firstDifference) {
    return new Comparison(
        output,
        "[" + count + "]",
        Double.NaN,
        Double.NaN,
        "exact",
        differing == 0,
        differing == 0 ? "" : differing + " differ, first " + firstDifference);
  }

  /** {@code case output shape max-abs rel-L2 tolerance ok}, in columns. */
  String line(String caseName) {
    String verdict = ok ? "ok" : "FAIL";
    return String.format(
        Locale.ROOT,
        "%-36s  %-20s  %-16s  max-abs %-8s  rel-L2 %-8s  tol %-14s  %s%s",
        caseName,
        output,
        shape,
        number(maxAbs, tolerance),
        number(relL2, tolerance),
        tolerance,
        verdict,
        note.isEmpty() ? "" : ": " + note);
  }

  private static String number(double value, String tolerance) {
    boolean absent = Double.isNaN(value) && (tolerance.equals("exact") || tolerance.equals("-"));
    return absent ? "-" : String.format(Locale.ROOT, "%.2e", value);
  }
}
