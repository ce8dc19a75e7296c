package dev.panaformer.cli.terminal;

import java.io.PrintWriter;

/**
 * What a command has to say about one input. Implementations are records: {@code --json} prints
 * their components as one line.
 */
public interface Result {
  /** Prints it as text for people, in one or more lines. */
  void print(PrintWriter out);
}
