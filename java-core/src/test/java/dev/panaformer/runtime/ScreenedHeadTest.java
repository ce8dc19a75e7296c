package dev.panaformer.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ScreenedHeadTest {
  /**
   * Between tries that are of no help lie 1, 3, 7 … and at most 255 calls; after one that is, none.
   */
  @Test
  void whatIsOfNoHelpIsTriedLessAndLess() {
    ScreenedHead.Pause pause = new ScreenedHead.Pause();
    List<Integer> between = new ArrayList<>();
    for (int tries = 0, calls = 0; tries < 12; calls++) {
      if (pause.isOver()) {
        between.add(calls);
        pause.after(tries == 10);
        calls = -1;
        tries++;
      }
    }
    assertEquals(List.of(0, 1, 3, 7, 15, 31, 63, 127, 255, 255, 255, 0), between);
  }
}
