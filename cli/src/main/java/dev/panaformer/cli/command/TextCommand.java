package dev.panaformer.cli.command;

import dev.panaformer.ModelOptions;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.InputSource;
import dev.panaformer.cli.arguments.TextArguments;
import java.io.IOException;
import picocli.CommandLine.Mixin;

/**
 * A command that evaluates a model on texts: those of its arguments, of files or of stdin.
 *
 * @param <M> the model
 */
abstract class TextCommand<M extends AutoCloseable> extends ModelCommand<M, String> {
  /** A batch that keeps all threads busy and does not keep the user waiting. */
  static final int BATCH = 64;

  @Mixin private TextArguments texts;
  @Mixin private ComputeArguments compute;

  TextCommand(String task) {
    super(task);
  }

  @Override
  final InputSource<String> inputs() throws IOException {
    return texts.open();
  }

  final ModelOptions options() {
    return compute.options();
  }
}
