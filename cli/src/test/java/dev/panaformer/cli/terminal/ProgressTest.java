package dev.panaformer.cli.terminal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

/** What is printed of work that takes longer than a second. */
class ProgressTest {
  @Test
  void tellsShareAndTimeLeftWhereTheTotalIsKnown() throws InterruptedException {
    PrintStream stderr = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setErr(new PrintStream(printed, true));
    try (Progress progress = Progress.printing("Embedding", Progress.Unit.BYTES, 40_000)) {
      progress.at(10_000, 40_000);
      assertEquals("", printed.toString(), "shown in the first second");
      Thread.sleep(1100);
      progress.at("Writing", 20_000, 40_000);
    } finally {
      System.setErr(stderr);
    }
    String line = printed.toString();
    assertTrue(line.contains("Embedding"), line);
    assertTrue(line.contains("50%"), line);
    assertTrue(line.contains("20/40 kB"), line);
    assertTrue(line.matches("(?s).*\\(0:00:01 / 0:00:0\\d\\).*"), line);
    assertTrue(line.contains("Writing"), line);
  }
}
