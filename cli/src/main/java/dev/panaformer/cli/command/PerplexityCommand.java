package dev.panaformer.cli.command;

import dev.panaformer.CausalLM;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.TextScore;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.TextFile;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Progress;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** How well a decoder predicts a text. */
@Command(
    name = "perplexity",
    description =
        "Print a decoder's perplexity on a text, and the loss: the perplexity is exp(loss).")
public final class PerplexityCommand implements Callable<Integer> {
  @Mixin private Output output;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer.json.")
  private Path model;

  @Parameters(paramLabel = "FILE", description = "A UTF-8 text. '-' is stdin.")
  private Path file;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description = "Tokens between the windows of a text longer than the context. Default: half.")
  private Integer stride;

  private record ScoredFile(String file, double perplexity, double loss, int tokens)
      implements Result {
    @Override
    public void print(PrintWriter out) {
      out.printf(Locale.ROOT, "perplexity %.4f  loss %.6f  tokens %d%n", perplexity, loss, tokens);
    }
  }

  @Override
  public Integer call() throws IOException {
    if (stride != null) {
      UsageException.requirePositive("--stride", stride);
    }
    CausalLMOptions options = CausalLMOptions.DEFAULT.withCompute(compute.options().compute());
    String text = TextFile.read(file);
    try (CausalLM lm = CausalLM.load(model, options)) {
      int window = stride == null ? Math.max(1, lm.contextLength() / 2) : stride;
      if (window > lm.contextLength()) {
        throw new UsageException(
            "--stride is " + window + ", expected at most the context, " + lm.contextLength());
      }
      int[] ids = lm.tokenizeWithControlTokens(text); // as the reference reads a corpus
      try (Progress progress = Progress.of("Reading tokens", ids.length)) {
        TextScore score = lm.score(ids, window, read -> progress.at(read, ids.length));
        output.print(new ScoredFile(file.toString(), score.perplexity(), score.loss(), ids.length));
      }
    }
    return 0;
  }
}
