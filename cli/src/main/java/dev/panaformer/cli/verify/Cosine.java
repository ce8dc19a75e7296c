package dev.panaformer.cli.verify;

/** Computes the cosine similarity of vectors. */
public final class Cosine {
  private Cosine() {}

  /** The cosine similarity of two vectors of the same length; 0 if one of them is zero. */
  public static double of(float[] a, float[] b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return dot / Math.sqrt(Math.max(aa * bb, Double.MIN_NORMAL));
  }
}
