package dev.panaformer.cli.command;

import dev.panaformer.Label;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/** How labels are printed as text. */
final class Labels {
  private Labels() {}

  /** One line a label: its probability and its name. */
  static void print(List<Label> labels, PrintWriter out) {
    for (Label label : labels) {
      out.printf(Locale.ROOT, "  %7.4f  %s%n", label.score(), label.label());
    }
  }
}
