package dev.panaformer.generate.sampling;

/**
 * Counter-based random numbers: SplitMix64 (Steele, Lea and Flood 2014), whose state is a counter
 * times a constant. The random number of a step depends only on the seed and the step, not on other
 * sequences.
 */
public final class CounterRandom {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private CounterRandom() {}

  /** The 64 random bits at an index of the seed's sequence. */
  public static long bits(long seed, long place) {
    long z = seed + (place + 1) * GOLDEN_GAMMA;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** The random number at an index of the seed's sequence, uniform in [0, 1). */
  public static double uniform(long seed, long place) {
    return (bits(seed, place) >>> 11) * 0x1p-53;
  }
}
