package dev.panaformer.cli.verify;

import dev.panaformer.tensor.Tensor;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.IntPredicate;

/**
 * The comparison of one output with its reference.
 *
 * @param output the name of the tensor, or of the field of a tokenizer
 * @param shape the shape of the reference, formatted
 * @param maxAbs largest absolute difference of two elements; NaN where values are not numbers
 * @param relL2 {@code ‖ours − reference‖ / ‖reference‖}; NaN where values are not numbers
 * @param tolerance the tolerance, formatted
 * @param ok whether the tolerance was met; false if any value is NaN or infinite
 * @param note a further remark, or an empty string
 * @param computed our values in the layout of the reference, with 0 for padding; null if there are
 *     no values, or if they are not numbers
 */
public record Comparison(
    String output,
    String shape,
    double maxAbs,
    double relL2,
    String tolerance,
    boolean ok,
    String note,
    Tensor computed) {

  /**
   * Compares floats with those of the reference.
   *
   * @param compared which elements are compared
   * @param tolerance the largest relative L2 error that is allowed
   */
  static Comparison of(
      String output,
      long[] shape,
      float[] ours,
      float[] reference,
      IntPredicate compared,
      double tolerance) {
    if (ours.length != reference.length) {
      return missing(
          output,
          Tensor.format(shape),
          "ours has " + ours.length + " elements, the reference " + reference.length,
          Tensor.ofFloats(ours, ours.length));
    }
    Difference difference = Difference.of(ours, reference, compared);
    return new Comparison(
        output,
        Tensor.format(shape),
        difference.maxAbs(),
        difference.relL2(),
        String.format(Locale.ROOT, "%.1e", tolerance),
        difference.isFinite() && difference.relL2() <= tolerance,
        difference.nonFinite(),
        Tensor.ofFloats(ours, shape));
  }

  /** The failed comparison of an output that was not computed. */
  static Comparison missing(String output, String shape, String why) {
    return missing(output, shape, why, null);
  }

  /**
   * The failed comparison of an output that cannot be compared, for example because its shape
   * differs.
   */
  static Comparison missing(String output, String shape, String why, Tensor computed) {
    return new Comparison(output, shape, Double.NaN, Double.NaN, "-", false, why, computed);
  }

  /**
   * A comparison of {@code count} values that must be equal, of which {@code differing} are not.
   */
  static Comparison exact(
      String output, int count, int differing, String firstDifference, Tensor computed) {
    return new Comparison(
        output,
        "[" + count + "]",
        Double.NaN,
        Double.NaN,
        "exact",
        differing == 0,
        differing == 0 ? "" : differing + " differ, first " + firstDifference,
        computed);
  }

  /**
   * Compares ids with those of the reference. They must be equal.
   *
   * @param ours {@code [texts][width]}, with the padding of the reference
   * @param reference {@code [texts, width]}
   */
  static Comparison ofIds(String output, int[][] ours, Tensor reference) {
    if (ours.length != reference.shape()[0]) {
      return missing(output, reference.shapeString(), "ours are of " + ours.length + " texts");
    }
    long[] expected = reference.toLongs();
    long[] values = Arrays.stream(ours).flatMapToInt(Arrays::stream).asLongStream().toArray();
    int width = Math.toIntExact(reference.shape()[1]);
    int differing = 0;
    String first = "";
    for (int i = 0; i < expected.length; i++) {
      if (values[i] != expected[i]) {
        String place =
            "[" + i / width + ", " + i % width + "]: " + values[i] + " for " + expected[i];
        first = differing == 0 ? place : first;
        differing++;
      }
    }
    Tensor computed = Tensor.ofLongs(values, reference.shape());
    return exact(output, expected.length, differing, first, computed);
  }

  Comparison withNote(String text) {
    return new Comparison(output, shape, maxAbs, relL2, tolerance, ok, text, computed);
  }

  /** Formats a line with the columns {@code case output shape max-abs rel-L2 tolerance ok}. */
  public String line(String caseName, int width) {
    return String.format(
        Locale.ROOT,
        "%-" + width + "s  %-20s  %-16s  max-abs %-8s  rel-L2 %-8s  tol %-10s  %s%s",
        caseName,
        output,
        shape,
        number(maxAbs),
        number(relL2),
        tolerance,
        ok ? "ok" : "FAIL",
        note.isEmpty() ? "" : ": " + note);
  }

  private static String number(double value) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.2e", value);
  }
}
