package dev.panaformer.cli;

import java.util.logging.Level;
import java.util.logging.Logger;

/** Log lines go to stderr, one each: warnings always, the rest with {@code --verbose}. */
final class Logging {
  // Held, since the log manager keeps loggers, and so their levels, by weak references only.
  private static final Logger PANAFORMER = Logger.getLogger("dev.panaformer");

  private Logging() {}

  static void configure(boolean verbose) {
    if (System.getProperty("java.util.logging.SimpleFormatter.format") == null) {
      System.setProperty("java.util.logging.SimpleFormatter.format", "panaformer: %5$s%6$s%n");
    }
    PANAFORMER.setLevel(verbose ? Level.INFO : Level.WARNING);
  }
}
