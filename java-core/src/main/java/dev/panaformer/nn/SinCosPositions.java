package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

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
   * @param y {@code [rows columns, hidden]}
   * @param hidden a multiple of 4
   */
  public static void fill(MemorySegment y, int rows, int columns, int hidden) {
    int quarter = hidden / 4;
    for (int at = 0; at < rows * columns; at++) {
      long start = (long) at * hidden;
      for (int i = 0; i < quarter; i++) {
        double frequency = Math.pow(LONGEST_WAVELENGTH, -(double) i / quarter);
        double across = at % columns * frequency;
        double down = at / columns * frequency;
        y.setAtIndex(JAVA_FLOAT, start + i, (float) Math.sin(across));
        y.setAtIndex(JAVA_FLOAT, start + quarter + i, (float) Math.cos(across));
        y.setAtIndex(JAVA_FLOAT, start + 2L * quarter + i, (float) Math.sin(down));
        y.setAtIndex(JAVA_FLOAT, start + 3L * quarter + i, (float) Math.cos(down));
      }
    }
  }
}
