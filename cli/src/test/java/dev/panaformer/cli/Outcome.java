package dev.panaformer.cli;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** What a command left behind. */
record Outcome(int status, String out, String err) {

  /** Runs a command in this process. */
  static Outcome of(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status = Main.run(new PrintWriter(out), new PrintWriter(err), arguments);
    return new Outcome(status, out.toString(), err.toString());
  }

  /** Runs a command with this on stdin. */
  static Outcome ofInput(String input, String... arguments) {
    InputStream stdin = System.in;
    System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
    try {
      return of(arguments);
    } finally {
      System.setIn(stdin);
    }
  }

  List<String> lines() {
    return out.lines().toList();
  }

  String lastLine() {
    return out.lines().reduce("", (a, b) -> b);
  }

  @Override
  public String toString() {
    return "status " + status + "\n" + out + err;
  }
}
