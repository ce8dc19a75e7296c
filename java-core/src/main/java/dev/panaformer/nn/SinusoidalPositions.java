package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

/**
 * Sinusoidal position embeddings: pair {@code j} of position {@code p} is the sine and the cosine
 * of {@code p / 10000^(2 j / width)} (Vaswani et al. 2017, section 3.5).
 */
public final class SinusoidalPositions {
  /** The order of the sines and cosines of a position. */
  public enum Order {
    /** The sine and the cosine of each pair are adjacent, as in the paper. */
    INTERLEAVED,
    /** All sines come before all cosines, as in Marian and Pegasus. */
    HALVES
  }

  private SinusoidalPositions() {}

  /**
   * Writes the position embeddings of positions 0 to {@code positions - 1}.
   *
   * @param y {@code [positions, width]}; if the width is odd, there is one more sine than cosines
   */
  public static void fill(MemorySegment y, int positions, int width, Order order) {
    int sines = (width + 1) / 2;
    for (int i = 0; i < width; i++) {
      boolean interleaved = order == Order.INTERLEAVED;
      boolean sine = interleaved ? i % 2 == 0 : i < sines;
      int pair = interleaved ? i / 2 : sine ? i : i - sines;
      double wavelength = Math.pow(10000, 2.0 * pair / width);
      for (int p = 0; p < positions; p++) {
        double angle = p / wavelength;
        double value = sine ? Math.sin(angle) : Math.cos(angle);
        y.setAtIndex(JAVA_FLOAT, (long) p * width + i, (float) value);
      }
    }
  }
}
