package dev.panaformer.objective;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * T5's objective (Raffel et al. 2020, section 3.1.4): each of some spans of a text is replaced with
 * a sentinel token, and the target lists each sentinel followed by its span.
 *
 * @param density the fraction of tokens that is replaced; 0.15 in the paper
 * @param meanSpan the mean length of a span; 3 in the paper
 * @param firstSentinel the id of {@code <extra_id_0>}; the ids of the next sentinels descend from
 *     it
 * @param sentinels the number of sentinel tokens
 * @param end the token that ends source and target
 */
public record SpanCorruption(
    double density, double meanSpan, int firstSentinel, int sentinels, int end) {

  /**
   * @throws IllegalArgumentException if a number is out of range
   */
  public SpanCorruption {
    if (!(density > 0 && density < 1)) {
      throw new IllegalArgumentException("density is " + density + ", expected between 0 and 1");
    }
    if (!(meanSpan >= 1 && meanSpan < 1e6)) {
      throw new IllegalArgumentException("meanSpan is " + meanSpan + ", expected at least 1");
    }
    if (sentinels < 1 || firstSentinel - sentinels + 1 < 0 || end < 0) {
      throw new IllegalArgumentException(
          sentinels + " sentinels from id " + firstSentinel + " down, end token " + end);
    }
  }

  /**
   * Corrupts a text.
   *
   * @param ids at least two tokens, without special tokens
   * @param seed determines the spans
   */
  public Denoising corrupt(int[] ids, long seed) {
    if (ids.length < 2) {
      throw new IllegalArgumentException(
          "a text of " + ids.length + " tokens, at least 2 are needed to take some out");
    }
    int noise = (int) Math.clamp(Math.round(ids.length * density), 1, ids.length - 1);
    int most = Math.min(Math.min(noise, ids.length - noise), sentinels);
    int spans = (int) Math.clamp(Math.round(noise / meanSpan), 1, most);
    SplittableRandom random = new SplittableRandom(seed);
    int[] removed = segments(noise, spans, random);
    int[] kept = segments(ids.length - noise, spans, random);
    IntStream.Builder source = IntStream.builder();
    IntStream.Builder target = IntStream.builder();
    int at = 0;
    for (int i = 0; i < spans; i++) {
      Arrays.stream(ids, at, at + kept[i]).forEach(source);
      at += kept[i];
      source.add(firstSentinel - i);
      target.add(firstSentinel - i);
      Arrays.stream(ids, at, at + removed[i]).forEach(target);
      at += removed[i];
    }
    return new Denoising(source.add(end).build().toArray(), target.add(end).build().toArray());
  }

  /**
   * Divides {@code tokens} into {@code parts} of at least one token each; all divisions are equally
   * likely.
   */
  private static int[] segments(int tokens, int parts, SplittableRandom random) {
    int[] cuts = sample(tokens - 1, parts - 1, random);
    int[] lengths = new int[parts];
    int before = 0;
    for (int i = 0; i < parts; i++) {
      int cut = i < cuts.length ? cuts[i] + 1 : tokens;
      lengths[i] = cut - before;
      before = cut;
    }
    return lengths;
  }

  /**
   * Draws {@code count} distinct numbers below {@code bound}, in ascending order. Floyd's
   * algorithm.
   */
  static int[] sample(int bound, int count, SplittableRandom random) {
    TreeSet<Integer> chosen = new TreeSet<>();
    for (int i = bound - count; i < bound; i++) {
      int number = random.nextInt(i + 1);
      chosen.add(chosen.contains(number) ? i : number);
    }
    return chosen.stream().mapToInt(Integer::intValue).toArray();
  }
}
