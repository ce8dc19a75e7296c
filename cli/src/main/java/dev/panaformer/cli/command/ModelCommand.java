package dev.panaformer.cli.command;

import dev.panaformer.cli.arguments.InputSource;
import dev.panaformer.cli.terminal.Json;
import dev.panaformer.cli.terminal.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * A command that loads a model and evaluates it on many inputs, one group after the other. Results
 * are flushed after each group, so that a reader of a pipe gets them as they come. A subclass says
 * which model, what to do with a group, and how a result looks.
 *
 * @param <M> the model
 * @param <I> an input
 */
abstract class ModelCommand<M extends AutoCloseable, I> implements Callable<Integer> {
  private final String task;
  @Spec private CommandSpec spec;

  /**
   * @param task what the progress bar calls the work
   */
  ModelCommand(String task) {
    this.task = task;
  }

  /**
   * Checks the values of arguments before anything is loaded.
   *
   * @throws picocli.CommandLine.ParameterException if one is out of range, which is wrong usage
   */
  void checkArguments() {}

  /** Opens the inputs. */
  abstract InputSource<I> inputs() throws IOException;

  /** Loads the model, after {@link #inputs} were opened. The command closes it. */
  abstract M load() throws IOException;

  /** The largest group of inputs that {@link #evaluate} takes. */
  int atOnce(M model) {
    return 1;
  }

  /** Evaluates the model on a group of inputs and prints the results. */
  abstract void evaluate(M model, List<I> inputs) throws IOException;

  /** Called after the last group. */
  void finish() {}

  @Override
  public final Integer call() throws Exception {
    checkArguments();
    try (InputSource<I> inputs = inputs();
        M model = load();
        Progress progress = Progress.printing(task, inputs.remaining())) {
      int limit = atOnce(model);
      for (List<I> next = inputs.next(limit); !next.isEmpty(); next = inputs.next(limit)) {
        evaluate(model, next);
        out().flush();
        progress.advance(next.size());
      }
      finish();
    }
    return ExitCode.OK;
  }

  /** For messages about arguments. */
  final CommandSpec spec() {
    return spec;
  }

  /** Where results go. */
  final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  /** Prints a result as one JSON line or as text. */
  final <R extends Record & Result> void print(R result, boolean json) {
    if (json) {
      out().println(Json.line(result));
    } else {
      result.print(out());
    }
  }
}
