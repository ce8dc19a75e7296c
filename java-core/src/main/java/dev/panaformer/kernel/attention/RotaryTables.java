package dev.panaformer.kernel.attention;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntToDoubleFunction;

/**
 * The cosines and sines of rotary position embedding (Su et al. 2021).
 *
 * @param cos {@code [positions, rotaryDim / 2]}
 * @param sin {@code [positions, rotaryDim / 2]}
 * @param positions the number of positions
 * @param rotaryDim the number of features of a head that are rotated, an even number
 */
public record RotaryTables(MemorySegment cos, MemorySegment sin, long positions, long rotaryDim) {
  /** Returns the frequencies of the paper: {@code theta^(-2 i / rotaryDim)} for pair {@code i}. */
  public static IntToDoubleFunction frequencies(double theta, int rotaryDim) {
    return i -> Math.pow(theta, -2.0 * i / rotaryDim);
  }

  /**
   * Fills one of the tables.
   *
   * @param table {@code [positions, pairs]}
   * @param of {@code Math::cos} or {@code Math::sin}
   */
  public static void fill(
      MemorySegment table,
      long positions,
      int pairs,
      IntToDoubleFunction frequency,
      DoubleUnaryOperator of) {
    for (int i = 0; i < pairs; i++) {
      double turn = frequency.applyAsDouble(i);
      for (long p = 0; p < positions; p++) {
        table.setAtIndex(JAVA_FLOAT, p * pairs + i, (float) of.applyAsDouble(p * turn));
      }
    }
  }
}
