package dev.panaformer.cli.command;

import dev.panaformer.cli.arguments.InputSource;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Progress;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;

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
  @Mixin private Output output;

  /**
   * @param task what the progress bar calls the work
   */
  ModelCommand(String task) {
    this.task = task;
  }

  /**
   * Checks the values of arguments before anything is loaded.
   *
   * @throws dev.panaformer.cli.terminal.UsageException if one is out of range
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
        Progress progress = Progress.printing(task, inputs.unit(), inputs.size())) {
      int limit = atOnce(model);
      for (List<I> next = inputs.next(limit); !next.isEmpty(); next = inputs.next(limit)) {
        evaluate(model, next);
        output.out().flush();
        progress.at(inputs.position(), inputs.size());
      }
      finish();
    }
    return ExitCode.OK;
  }

  /** Where results go. */
  final Output output() {
    return output;
  }
}
