package dev.panaformer.nn;

/**
 * Sinusoidal position embeddings of a two-dimensional grid (He et al. 2022, appendix A). The first
 * half of the features encodes the column, the second half the row. Each half has the sines and
 * cosines of Vaswani et al. 2017.
 */
public final class SinCosPositions {
  private static final double LONGEST_WAVELENGTH = 10_000;

  private SinCosPositions() {}

  /**
   * Writes the position embeddings of a grid, row by row.
   *
   * @param from the index in {@code y} at which the result {@code [rows columns, hidden]} begins
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
