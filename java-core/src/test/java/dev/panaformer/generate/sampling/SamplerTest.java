package dev.panaformer.generate.sampling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.NonFiniteLogitsException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** How often each token is drawn, against the distribution worked out by hand. */
class SamplerTest {
  private static final int DRAWS = 20_000;

  /** Logarithms of 0.4, 0.3, 0.2 and 0.1, in another order. */
  private static final float[] LOGITS = logs(0.2, 0.4, 0.1, 0.3);

  private static float[] logs(double... probabilities) {
    float[] logits = new float[probabilities.length];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (Math.log(probabilities[i]) + 3);
    }
    return logits;
  }

  private static GenerationOptions.Builder drawing() {
    return GenerationOptions.builder().temperature(1);
  }

  private static double[] frequencies(GenerationOptions options, float[] logits) {
    Sampler sampler = new Sampler(options, 11);
    int count = sampler.candidates(logits.length);
    Candidates candidates = Rows.candidates(count, sampler.inverseTemperature(), logits);
    MemorySegment all = Rows.segment(logits);
    double[] frequencies = new double[logits.length];
    for (int i = 0; i < DRAWS; i++) {
      int id = sampler.choose(candidates, 0, i, logits.length);
      if (id == Sampler.UNDECIDED) {
        id = sampler.chooseAmongAll(candidates, 0, i, all, 0, logits.length);
      }
      frequencies[id] += 1.0 / DRAWS;
    }
    return frequencies;
  }

  private static void assertDrawn(GenerationOptions options, float[] logits, double... expected) {
    double[] actual = frequencies(options, logits);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], expected[i] == 0 ? 0 : 0.015, "token " + i);
    }
  }

  @Test
  void greedyTakesTheBest() {
    assertDrawn(GenerationOptions.DEFAULT, LOGITS, 0, 1, 0, 0);
  }

  @Test
  void drawsFromTheSoftmax() {
    assertDrawn(drawing().build(), LOGITS, 0.2, 0.4, 0.1, 0.3);
  }

  @Test
  void temperatureSharpensAndFlattens() {
    // p² / 0.3 and √p / 1.946.
    assertDrawn(drawing().temperature(0.5).build(), LOGITS, 0.1333, 0.5333, 0.0333, 0.3);
    assertDrawn(drawing().temperature(2).build(), LOGITS, 0.2298, 0.325, 0.1625, 0.2814);
  }

  @Test
  void topKRenormalizes() {
    assertDrawn(drawing().topK(2).build(), LOGITS, 0, 0.5714, 0, 0.4286);
    assertDrawn(drawing().topK(9).build(), LOGITS, 0.2, 0.4, 0.1, 0.3);
  }

  @Test
  void topPKeepsTheTokenThatCrosses() {
    assertDrawn(drawing().topP(0.6).build(), LOGITS, 0, 0.5714, 0, 0.4286);
    assertDrawn(drawing().topP(0.71).build(), LOGITS, 0.2222, 0.4444, 0, 0.3333);
    assertDrawn(drawing().topP(1e-9).build(), LOGITS, 0, 1, 0, 0);
  }

  @Test
  void topPCountsWithinTopK() {
    // 4/7 and 3/7 are left of the best two: the first alone reaches one half.
    assertDrawn(drawing().topK(2).topP(0.5).build(), LOGITS, 0, 1, 0, 0);
  }

  @Test
  void minPIsAShareOfTheBest() {
    assertDrawn(drawing().minP(0.6).build(), LOGITS, 0, 0.5714, 0, 0.4286);
    assertDrawn(drawing().minP(1).build(), LOGITS, 0, 1, 0, 0);
    assertDrawn(drawing().minP(0.3).topP(0.5).build(), LOGITS, 0, 0.5714, 0, 0.4286);
  }

  @Test
  void whatTheCandidatesDoNotTellTheLogitsDo() {
    // One token has a tenth, the other 999 share the rest: the best 64 have a sixth together.
    double[] probabilities = new double[1000];
    Arrays.fill(probabilities, 0.9 / 999);
    probabilities[700] = 0.1;
    float[] logits = logs(probabilities);
    double[] all = frequencies(drawing().build(), logits);
    assertEquals(0.1, all[700], 0.01);
    assertEquals(0.45, Arrays.stream(all, 0, 500).sum(), 0.015);
    assertTrue(Arrays.stream(all).filter(f -> f > 0).count() > 950);
    // The best token and 444 others, of equal logits those of the smaller ids.
    double[] half = frequencies(drawing().topP(0.5).build(), logits);
    assertEquals(0.2, half[700], 0.015);
    assertEquals(445, Arrays.stream(half).filter(f -> f > 0).count(), 1);
    assertEquals(0, Arrays.stream(half, 446, 700).sum());
    double[] shares = frequencies(drawing().minP(0.001).build(), logits);
    assertEquals(0.1, shares[700], 0.01);
  }

  @Test
  void aSeedAndAPlaceTellTheDraw() {
    Candidates candidates = Rows.candidates(4, 1, LOGITS);
    int differences = 0;
    for (int i = 0; i < 100; i++) {
      int a = new Sampler(drawing().build(), 1).choose(candidates, 0, i, 4);
      assertEquals(a, new Sampler(drawing().build(), 1).choose(candidates, 0, i, 4));
      differences += a != new Sampler(drawing().build(), 2).choose(candidates, 0, i, 4) ? 1 : 0;
    }
    assertTrue(differences > 30);
  }

  @Test
  void refusesWhatIsNoNumber() {
    Candidates nan = Rows.candidates(1, 1, new float[] {Float.NaN, 1});
    Candidates infinite = Rows.candidates(1, 1, new float[] {1, Float.POSITIVE_INFINITY});
    Sampler sampler = new Sampler(GenerationOptions.DEFAULT, 0);
    for (Candidates candidates : new Candidates[] {nan, infinite}) {
      Exception e =
          assertThrows(NonFiniteLogitsException.class, () -> sampler.choose(candidates, 0, 7, 2));
      assertTrue(e.getMessage().contains("new token 7"), e.getMessage());
    }
  }

  @Test
  void penaltiesCountWhatTheTextHolds() {
    GenerationOptions options =
        GenerationOptions.builder()
            .repetitionPenalty(2)
            .presencePenalty(0.5)
            .frequencyPenalty(0.25)
            .build();
    TokenCounts counts = new TokenCounts();
    counts.addPrompt(new int[] {0, 1});
    counts.addGenerated(1);
    counts.addGenerated(2);
    TokenCounts more = counts.copy();
    more.addGenerated(2);
    MemorySegment logits = Rows.segment(new float[] {4, -4, 4, 4});
    counts.penalize(logits, 0, 0, options);
    assertArrayEquals(new float[] {2, -8.75f, 1.25f, 4}, Rows.row(logits, 4));
    logits = Rows.segment(new float[] {4, -4, 4, 4});
    more.penalize(logits, 0, 8, options);
    assertArrayEquals(new float[] {0, -16.75f, -1, 4}, Rows.row(logits, 4));
  }
}
