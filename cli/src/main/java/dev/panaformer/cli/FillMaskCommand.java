package dev.panaformer.cli;

import dev.panaformer.FillMask;
import dev.panaformer.FillMask.Guess;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Guesses for the masks of texts. */
@Command(
    name = "fill-mask",
    description = "Print the best words for each mask of each text: \"Paris is the [MASK] of …\".")
final class FillMaskCommand implements Callable<Integer> {
  private static final int DEFAULT_GUESSES = 5;

  @Spec private CommandSpec spec;
  @Mixin private TextArguments texts;
  @Mixin private ComputeArguments compute;

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

  private record FilledText(String text, List<List<Guess>> masks) {}

  @Override
  public Integer call() throws IOException {
    Counts.requirePositive(spec, "--top", top);
    try (TextReader reader = texts.open();
        FillMask fillMask = FillMask.load(model, compute.options());
        Progress progress = Progress.printing("Filling", reader.remaining())) {
      List<String> next;
      while (!(next = reader.next(1)).isEmpty()) {
        String text = next.get(0);
        print(new FilledText(text, fillMask.fill(text, top)));
        spec.commandLine().getOut().flush();
        progress.advance(1);
      }
    }
    return 0;
  }

  private void print(FilledText result) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.line(result));
      return;
    }
    for (List<Guess> mask : result.masks()) {
      for (Guess guess : mask) {
        out.printf(Locale.ROOT, "%7.4f  %-16s  %s%n", guess.score(), guess.token(), guess.text());
      }
      out.println();
    }
  }
}
