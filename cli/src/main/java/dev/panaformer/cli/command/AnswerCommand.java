package dev.panaformer.cli.command;

import dev.panaformer.QuestionAnswerer;
import dev.panaformer.QuestionAnswerer.Answer;
import dev.panaformer.TextPair;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.GivenInputs;
import dev.panaformer.cli.arguments.InputSource;
import dev.panaformer.cli.arguments.PairArguments;
import dev.panaformer.cli.arguments.TextFile;
import dev.panaformer.cli.arguments.TextReader;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Finds the spans of texts that answer questions. */
@Command(
    name = "answer",
    description = {
      "Print the span of a text that answers a question, where it is, and its score.",
      "With --pairs, each line of a file or of stdin holds a question and its text."
    })
public final class AnswerCommand extends ModelCommand<QuestionAnswerer, TextPair> {
  private static final int BATCH = 16;
  private static final Path STDIN = Path.of("-");

  @Mixin private ComputeArguments compute;
  @Mixin private PairArguments pairs;

  @Parameters(
      arity = "0..1",
      paramLabel = "QUESTION",
      description = "The question; none with --pairs.")
  private String question;

  @Option(names = "--context", paramLabel = "TEXT", description = "The text to find the answer in.")
  private String context;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = {
        "The UTF-8 file to find the answer in; with --pairs, the file of questions and their texts.",
        "'-' is stdin, the default with --pairs."
      })
  private Path file;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer of a model for questions.")
  private Path model;

  private record AnsweredQuestion(String text, float score, int start, int end) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.println(text);
      out.printf(Locale.ROOT, "  score %.4f, characters %d to %d%n", score, start, end);
    }
  }

  public AnswerCommand() {
    super("Answering");
  }

  @Override
  void checkArguments() {
    if (pairs.arePairs()) {
      if (question != null || context != null) {
        throw new UsageException("--pairs takes neither QUESTION nor --context");
      }
    } else if (question == null) {
      throw new UsageException("QUESTION is missing, or --pairs for a file of them");
    } else if ((context == null) == (file == null)) {
      throw new UsageException("expected one of --context TEXT and --file FILE");
    }
  }

  @Override
  InputSource<TextPair> inputs() throws IOException {
    if (!pairs.arePairs()) {
      String text = context != null ? context : TextFile.read(file);
      return new GivenInputs<>(List.of(new TextPair(question, text)));
    }
    TextReader<TextPair> reader = new TextReader<>(List.of(), PairArguments::parse);
    if (file == null || file.equals(STDIN)) {
      reader.addStdin();
    } else {
      reader.addFile(file);
    }
    return reader;
  }

  @Override
  QuestionAnswerer load() {
    return QuestionAnswerer.load(model, compute.options());
  }

  @Override
  int atOnce(QuestionAnswerer answerer) {
    return BATCH;
  }

  @Override
  void evaluate(QuestionAnswerer answerer, List<TextPair> questions) {
    for (Answer answer : answerer.answerAll(questions)) {
      output()
          .print(new AnsweredQuestion(answer.text(), answer.score(), answer.start(), answer.end()));
    }
  }
}
