package dev.panaformer.cli.command;

import dev.panaformer.ModelOptions;
import dev.panaformer.TextPair;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.InputSource;
import dev.panaformer.cli.arguments.PairArguments;
import dev.panaformer.cli.arguments.TextArguments;
import java.io.IOException;
import java.util.List;
import picocli.CommandLine.Mixin;

/**
 * A command that evaluates a model on texts: those of its arguments, of files or of stdin.
 *
 * @param <M> the model
 */
abstract class TextCommand<M extends AutoCloseable> extends ModelCommand<M, TextInput> {
  /** A batch that keeps all threads busy and does not keep the user waiting. */
  static final int BATCH = 64;

  @Mixin private TextArguments texts;
  @Mixin private ComputeArguments compute;

  TextCommand(String task) {
    super(task);
  }

  @Override
  final InputSource<TextInput> inputs() throws IOException {
    return arePairs()
        ? texts.open(line -> TextInput.of(PairArguments.parse(line)))
        : texts.open(TextInput::of);
  }

  /** Whether every input is two texts. */
  boolean arePairs() {
    return false;
  }

  @Override
  final void evaluate(M model, List<TextInput> inputs) throws IOException {
    if (arePairs()) {
      evaluatePairs(model, inputs.stream().map(TextInput::pair).toList());
    } else {
      evaluateTexts(model, inputs.stream().map(TextInput::text).toList());
    }
  }

  abstract void evaluateTexts(M model, List<String> texts) throws IOException;

  /** Only called where {@link #arePairs}. */
  void evaluatePairs(M model, List<TextPair> pairs) throws IOException {
    throw new UnsupportedOperationException();
  }

  final ModelOptions options() {
    return compute.options();
  }
}
