package dev.panaformer.generate.sampling;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class CounterRandomTest {
  @Test
  void isSplitMix64() {
    // The first outputs of the published generator for this seed.
    long[] expected = {
      6457827717110365317L, 3203168211198807973L, -8629252141511181193L, 4593380528125082431L
    };
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], CounterRandom.bits(1234567, i));
    }
  }

  @Test
  void fillsTheUnitIntervalEvenly() {
    int[] tenths = new int[10];
    for (int i = 0; i < 10_000; i++) {
      tenths[(int) (10 * CounterRandom.uniform(42, i))]++;
    }
    for (int count : tenths) {
      assertEquals(1000, count, 120);
    }
  }
}
