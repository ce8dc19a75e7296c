package dev.panaformer.cli.command;

import dev.panaformer.FillMask;
import dev.panaformer.FillMask.Guess;
import dev.panaformer.cli.arguments.Counts;
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

  @Option(names = "--json", description = "Print one JSON line for each text.")
  private boolean json;

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
    Counts.requirePositive(spec(), "--top", top);
  }

  @Override
  FillMask load() throws IOException {
    return FillMask.load(model, options());
  }

  @Override
  void evaluate(FillMask fillMask, List<String> texts) {
    for (String text : texts) {
      print(new FilledText(text, fillMask.fill(text, top)), json);
    }
  }
}
