package dev.panaformer.generate.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopStringsTest {
  @Test
  void holdsBackWhatMayBeTheBeginning() {
    StopStrings stops = new StopStrings(List.of("\n\nQ:", "END"));
    assertEquals("A: yes.", stops.append("A: yes.\n"));
    assertEquals("\n no", stops.append(" no"));
    assertEquals(" E", stops.append(" EEN"));
    assertFalse(stops.found());
    assertEquals("", stops.append("D and more"));
    assertTrue(stops.found());
    assertEquals("", stops.append("nothing"));
    assertEquals("", stops.rest());
  }

  @Test
  void theFirstStringEnds() {
    StopStrings stops = new StopStrings(List.of("late", "a"));
    assertEquals("b", stops.append("ba late"));
    assertTrue(stops.found());
  }

  @Test
  void whatWasHeldIsShownAtTheEnd() {
    StopStrings stops = new StopStrings(List.of("abcd"));
    assertEquals("x", stops.append("xabc"));
    assertEquals("abc", stops.rest());
  }
}
