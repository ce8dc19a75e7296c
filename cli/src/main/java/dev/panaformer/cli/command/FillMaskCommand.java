package dev.panaformer.cli.command;

import dev.panaformer.FillMask;
import dev.panaformer.FillMask.Guess;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Predicts the words at the masks of texts. */
@Command(
    name = "fill-mask",
    description = "Print the best words for each mask of each text: \"Paris is the [MASK] of …\".")
public final class FillMaskCommand extends TextCommand<FillMask> {
  private static final int DEFAULT_GUESSES = 5;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer of a masked language model.")
  private Path model;

  @Option(
      names = "--top",
      paramLabel = "N",
      description = "Guesses for each mask. Default: ${DEFAULT-VALUE}.")
  private int top = DEFAULT_GUESSES;

  private record FilledText(String text, List<List<Guess>> masks) implements Result {
    @Override
    public void print(PrintWriter out) {
      for (List<Guess> mask : masks) {
        for (Guess guess : mask) {
          out.printf(Locale.ROOT, "%7.4f  %-16s  %s%n", guess.score(), guess.token(), guess.text());
        }
        out.println();
      }
    }
  }

  public FillMaskCommand() {
    super("Filling");
  }

  @Override
  void checkArguments() {
    UsageException.requirePositive("--top", top);
  }

  @Override
  FillMask load() throws IOException {
    return FillMask.load(model, options());
  }

  @Override
  void evaluateTexts(FillMask fillMask, List<String> texts) {
    for (String text : texts) {
      output().print(new FilledText(text, fillMask.fill(text, top)));
    }
  }
}
