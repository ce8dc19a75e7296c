package dev.panaformer.nn;

/**
 * Positions on a grid that need no training: sines and cosines of the column in the first half of
 * the features, of the row in the second, each as Vaswani et al. 2017 have them along a sequence
 * (He et al. 2022, appendix A).
 */
public final class SinCosPositions {
  private static final double LONGEST_WAVELENGTH = 10_000;

  private SinCosPositions() {}

  /**
   * Writes the positions of a grid, row by row.
   *
   * @param from where they begin in {@code y}, {@code [rows columns, hidden]}
   * @param hidden a multiple of 4
   */
  public static void fill(float[] y, int from, int rows, int columns, int hidden) {
    int quarter = hidden / 4;
    for (int at = 0; at < rows * columns; at++) {
      int start = from + at * hidden;
      for (int i = 0; i < quarter; i++) {
        double frequency = Math.pow(LONGEST_WAVELENGTH, -(double) i / quarter);
        double across = at % columns * frequency;
        double down = at / columns * frequency;
        y[start + i] = (float) Math.sin(across);
        y[start + quarter + i] = (float) Math.cos(across);
        y[start + 2 * quarter + i] = (float) Math.sin(down);
        y[start + 3 * quarter + i] = (float) Math.cos(down);
      }
    }
  }
}
