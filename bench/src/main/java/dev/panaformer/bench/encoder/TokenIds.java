package dev.panaformer.bench.encoder;

import java.util.Random;

/** Random token ids of given lengths. The time of a pass does not depend on their values. */
public final class TokenIds {
  private static final int CLS = 101;
  private static final int SEP = 102;
  private static final int FIRST_WORD = 1996;
  private static final int WORDS = 20_000;

  private TokenIds() {}

  /** {@code "32"}: one sequence of 32 tokens; {@code "mixed-32"}: 32 sequences. */
  public static int[][] named(String name) {
    if (name.startsWith("mixed-")) {
      int sequences = Integer.parseInt(name.substring("mixed-".length()));
      return mixed(sequences, sequences);
    }
    int length = Integer.parseInt(name);
    return new int[][] {sequence(length, new Random(length))};
  }

  public static int[] sequence(int length, Random random) {
    int[] ids = new int[length];
    for (int i = 1; i < length - 1; i++) {
      ids[i] = FIRST_WORD + random.nextInt(WORDS);
    }
    ids[0] = CLS;
    ids[length - 1] = SEP;
    return ids;
  }

  /**
   * Sequences with a length distribution like that of sentences: most are short, a few are long.
   */
  public static int[][] mixed(int sequences, long seed) {
    Random random = new Random(seed);
    int[][] batch = new int[sequences][];
    for (int s = 0; s < sequences; s++) {
      double u = random.nextDouble();
      batch[s] = sequence(6 + (int) (122 * u * u), random);
    }
    return batch;
  }
}
