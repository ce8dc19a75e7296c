package dev.panaformer.objective;

import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * BART's objective (Lewis et al. 2020, section 2.2): each of some spans of a text is replaced with
 * a single mask token, and the target is the original text. The lengths of the spans have a Poisson
 * distribution. A span of length 0 inserts a mask.
 *
 * @param density the fraction of tokens that is masked; 0.3 in the paper
 * @param meanSpan the mean length of a span; 3 in the paper
 * @param mask the id of the mask token
 */
public record TextInfilling(double density, double meanSpan, int mask) {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public TextInfilling {
    if (!(density > 0 && density < 1)) {
      throw new IllegalArgumentException("density is " + density + ", expected between 0 and 1");
    }
    if (!(meanSpan > 0 && meanSpan <= 100)) {
      throw new IllegalArgumentException("meanSpan is " + meanSpan + ", expected 0 to 100");
    }
    if (mask < 0) {
      throw new IllegalArgumentException("mask is " + mask + ", expected an id");
    }
  }

  /**
   * Corrupts a text.
   *
   * @param ids the tokens, including the special tokens at both ends, which are never masked
   * @param seed determines the spans
   */
  public Denoising corrupt(int[] ids, long seed) {
    int inner = ids.length - 2;
    if (inner < 1) {
      throw new IllegalArgumentException(
          "a text of " + ids.length + " tokens, at least one between the first and the last");
    }
    SplittableRandom random = new SplittableRandom(seed);
    int left = (int) Math.ceil(inner * density);
    boolean[] masked = new boolean[ids.length];
    boolean[] maskBefore = new boolean[ids.length];
    while (left > 0) {
      int length = Math.min(poisson(random), left);
      int start = 1 + random.nextInt(inner - length + 1);
      // A span of length 0 inserts a mask.
      maskBefore[start] = true;
      for (int i = start; i < start + length; i++) {
        left -= masked[i] ? 0 : 1;
        masked[i] = true;
      }
    }
    IntStream.Builder source = IntStream.builder();
    source.add(ids[0]);
    for (int i = 1; i < ids.length; i++) {
      if ((masked[i] || maskBefore[i]) && !masked[i - 1]) {
        source.add(mask);
      }
      if (!masked[i]) {
        source.add(ids[i]);
      }
    }
    return new Denoising(source.build().toArray(), ids.clone());
  }

  /** Draws from a Poisson distribution by multiplying uniform numbers (Knuth). */
  private int poisson(SplittableRandom random) {
    double limit = Math.exp(-meanSpan);
    int count = 0;
    for (double product = random.nextDouble(); product > limit; product *= random.nextDouble()) {
      count++;
    }
    return count;
  }
}
