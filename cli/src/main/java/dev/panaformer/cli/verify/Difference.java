package dev.panaformer.cli.verify;

import java.util.function.IntPredicate;

/** The difference between two tensors of the same shape. */
final class Difference {
  private double maxAbs;
  private double squaredDifference;
  private double squaredReference;
  private String nonFinite = "";

  private Difference() {}

  /**
   * @param compared which elements are compared; masked elements are not
   */
  static Difference of(float[] ours, float[] reference, IntPredicate compared) {
    Difference d = new Difference();
    for (int i = 0; i < reference.length; i++) {
      if (compared.test(i)) {
        d.add(i, ours[i], reference[i]);
      }
    }
    return d;
  }

  private void add(int index, double ours, double reference) {
    if (nonFinite.isEmpty() && !(Double.isFinite(ours) && Double.isFinite(reference))) {
      nonFinite = "element " + index + " is " + ours + ", the reference's " + reference;
    }
    double difference = Math.abs(ours - reference);
    maxAbs = Math.max(maxAbs, difference);
    squaredDifference += difference * difference;
    squaredReference += reference * reference;
  }

  double maxAbs() {
    return maxAbs;
  }

  /** The relative L2 error: 0 if both are zero, infinite if only the reference is. */
  double relL2() {
    return squaredDifference == 0 ? 0 : Math.sqrt(squaredDifference / squaredReference);
  }

  boolean isFinite() {
    return nonFinite.isEmpty();
  }

  /** A description of the first element that is NaN or infinite, or an empty string. */
  String nonFinite() {
    return nonFinite;
  }
}
