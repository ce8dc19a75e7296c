package dev.panaformer.objective;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DenoisingTest {
  private static final int SENTINEL = 999;
  private static final int END = 1;
  private static final int MASK = 500;

  private static int[] text(int length) {
    return IntStream.range(10, 10 + length).toArray();
  }

  /** The source with each sentinel replaced by what the target says of it. */
  private static int[] restored(Denoising denoising) {
    List<Integer> ids = new ArrayList<>();
    for (int id : denoising.source()) {
      if (id <= SENTINEL && id > SENTINEL - 100) {
        int at =
            1
                + IntStream.range(0, denoising.target().length)
                    .filter(i -> denoising.target()[i] == id)
                    .findFirst()
                    .orElseThrow();
        while (denoising.target()[at] != id - 1 && denoising.target()[at] != END) {
          ids.add(denoising.target()[at++]);
        }
      } else if (id != END) {
        ids.add(id);
      }
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  @Test
  void spanCorruptionTakesOutWhatItSays() {
    SpanCorruption objective = new SpanCorruption(0.15, 3, SENTINEL, 100, END);
    for (int length : new int[] {2, 3, 7, 17, 65, 300}) {
      for (int seed = 0; seed < 20; seed++) {
        int[] text = text(length);
        Denoising denoising = objective.corrupt(text, seed);
        assertArrayEquals(text, restored(denoising));
        long spans = Arrays.stream(denoising.source()).filter(id -> id > SENTINEL - 100).count();
        long noise = denoising.target().length - spans - 1;
        assertEquals(Math.max(1, Math.round(0.15 * length)), noise);
        assertEquals(Math.max(1, Math.round(noise / 3.0)), spans);
        assertArrayEquals(denoising.source(), objective.corrupt(text, seed).source());
      }
    }
    assertThrows(IllegalArgumentException.class, () -> objective.corrupt(text(1), 0));
    assertThrows(IllegalArgumentException.class, () -> new SpanCorruption(1, 3, 99, 10, 1));
    assertThrows(IllegalArgumentException.class, () -> new SpanCorruption(0.1, 3, 8, 10, 1));
  }

  @Test
  void fewSentinelsMakeFewSpans() {
    Denoising denoising = new SpanCorruption(0.5, 1, SENTINEL, 2, END).corrupt(text(100), 4);
    assertArrayEquals(text(100), restored(denoising));
    assertEquals(2, Arrays.stream(denoising.source()).filter(id -> id >= SENTINEL - 1).count());
  }

  @Test
  void textInfillingKeepsTheRestInOrder() {
    TextInfilling objective = new TextInfilling(0.3, 3, MASK);
    int masks = 0;
    for (int length : new int[] {3, 7, 17, 65, 300}) {
      for (int seed = 0; seed < 20; seed++) {
        int[] text = text(length);
        Denoising denoising = objective.corrupt(text, seed);
        assertArrayEquals(text, denoising.target());
        int[] kept = Arrays.stream(denoising.source()).filter(id -> id != MASK).toArray();
        int[] ordered = Arrays.stream(kept).sorted().toArray();
        assertArrayEquals(ordered, kept);
        assertEquals(text[0], denoising.source()[0]);
        assertEquals(text[length - 1], denoising.source()[denoising.source().length - 1]);
        assertEquals((int) Math.ceil(0.3 * (length - 2)), length - kept.length);
        masks += denoising.source().length - kept.length;
        for (int i = 1; i < denoising.source().length; i++) {
          assertTrue(
              denoising.source()[i] != MASK || denoising.source()[i - 1] != MASK,
              "spans that meet are one");
        }
      }
    }
    assertTrue(masks > 100);
    assertThrows(IllegalArgumentException.class, () -> objective.corrupt(text(2), 0));
    assertThrows(IllegalArgumentException.class, () -> new TextInfilling(0, 3, MASK));
  }
}
