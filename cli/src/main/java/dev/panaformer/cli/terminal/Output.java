package dev.panaformer.cli.terminal;

import java.io.PrintWriter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Where a command's results go, and whether as text or as JSON lines. */
public final class Output {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(names = "--json", description = "Print JSON lines, one for each result.")
  private boolean json;

  /** Prints a result as one JSON line or as text. */
  public <R extends Record & Result> void print(R result) {
    if (json) {
      json(result);
    } else {
      result.print(out());
    }
    out().flush();
  }

  /** Prints a record as one JSON line. */
  public void json(Record result) {
    out().println(Json.line(result));
  }

  public boolean isJson() {
    return json;
  }

  /** For results that are printed piece by piece. */
  public PrintWriter out() {
    return command.commandLine().getOut();
  }

  /** For what is no result. */
  public PrintWriter err() {
    return command.commandLine().getErr();
  }
}
