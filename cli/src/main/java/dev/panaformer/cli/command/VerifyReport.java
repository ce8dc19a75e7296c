package dev.panaformer.cli.command;

import com.google.gson.annotations.SerializedName;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.verify.CaseResult;
import dev.panaformer.cli.verify.CaseResult.Status;
import dev.panaformer.cli.verify.Comparison;
import java.io.PrintWriter;
import java.util.Locale;

/** Prints what {@code verify} finds: a line for each comparison, each case and the whole. */
final class VerifyReport {
  private final Output output;
  private final int width;
  private int passed;
  private int failed;
  private int unsupported;

  /**
   * @param width of the column of the cases' names
   */
  VerifyReport(Output output, int width) {
    this.output = output;
    this.width = width;
  }

  /** A line of {@code --json} about one output. */
  private record ComparedOutput(
      @SerializedName("case") String name,
      String output,
      String shape,
      double maxAbs,
      double relL2,
      String tolerance,
      boolean ok,
      String note) {}

  /** A line of {@code --json} about one case. */
  private record FinishedCase(@SerializedName("case") String name, String status, String reason) {}

  private record Summary(int passed, int failed, int unsupported) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.printf("%d passed, %d failed", passed, failed);
      out.println(unsupported > 0 ? ", " + unsupported + " unsupported" : "");
    }
  }

  void add(String name, Comparison comparison) {
    if (output.isJson()) {
      output.json(
          new ComparedOutput(
              name,
              comparison.output(),
              comparison.shape(),
              comparison.maxAbs(),
              comparison.relL2(),
              comparison.tolerance(),
              comparison.ok(),
              comparison.note()));
    } else {
      output.out().println(comparison.line(name, width));
    }
  }

  void add(CaseResult result) {
    switch (result.status()) {
      case PASSED -> passed++;
      case FAILED -> failed++;
      case UNSUPPORTED -> unsupported++;
    }
    if (output.isJson()) {
      String status = result.status().name().toLowerCase(Locale.ROOT);
      output.json(new FinishedCase(result.name(), status, result.reason()));
    } else if (!result.reason().isEmpty()) {
      String label = String.format("%-" + width + "s", result.name());
      boolean wrong = result.status() == Status.FAILED;
      output.out().println(label + (wrong ? "  FAIL: " : "  unsupported: ") + result.reason());
    }
    output.out().flush();
  }

  /** Prints how many cases there were of each kind. */
  void finish() {
    output.print(new Summary(passed, failed, unsupported));
  }

  int failed() {
    return failed;
  }

  int unsupported() {
    return unsupported;
  }
}
