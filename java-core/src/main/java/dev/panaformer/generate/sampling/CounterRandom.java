package dev.panaformer.generate.sampling;

/**
 * Random numbers by place instead of by turn: SplitMix64 (Steele, Lea and Flood 2014), whose state
 * is a counter times a constant. What a sequence draws at a step depends on its seed and the step
 * alone, never on who drew before.
 */
public final class CounterRandom {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private CounterRandom() {}

  /** The 64 bits at a place of a seed's sequence. */
  public static long bits(long seed, long place) {
    long z = seed + (place + 1) * GOLDEN_GAMMA;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** The same as a number from 0 up to, and without, 1. */
  public static double uniform(long seed, long place) {
    return (bits(seed, place) >>> 11) * 0x1p-53;
  }
}
