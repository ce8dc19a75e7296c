package dev.panaformer.cli.command;

import dev.panaformer.QuestionAnswerer;
import dev.panaformer.QuestionAnswerer.Answer;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.TextFile;
import dev.panaformer.cli.terminal.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Finds the span of a text that answers a question. */
@Command(
    name = "answer",
    description = "Print the span of a text that answers a question, where it is, and its score.")
public final class AnswerCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ComputeArguments compute;

  @Parameters(paramLabel = "QUESTION", description = "The question.")
  private String question;

  @ArgGroup(multiplicity = "1")
  private Context context;

  private static final class Context {
    @Option(
        names = "--context",
        paramLabel = "TEXT",
        description = "The text to find the answer in.")
    private String text;

    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        description = "The UTF-8 file to find the answer in. '-' is stdin.")
    private Path file;
  }

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer of a model for questions.")
  private Path model;

  @Option(names = "--json", description = "Print one JSON line.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    String text = context.text != null ? context.text : TextFile.read(context.file);
    try (QuestionAnswerer answerer = QuestionAnswerer.load(model, compute.options())) {
      print(answerer.answer(question, text));
    }
    return 0;
  }

  private void print(Answer answer) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(answer));
    } else {
      out.println(answer.text());
      out.printf(
          Locale.ROOT,
          "  score %.4f, characters %d to %d%n",
          answer.score(),
          answer.start(),
          answer.end());
    }
    out.flush();
  }
}
