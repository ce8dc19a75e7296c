package dev.panaformer.cli.command;

import dev.panaformer.CausalLM;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.TextScore;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.arguments.TextFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** How well a decoder predicts a text. */
@Command(
    name = "perplexity",
    description =
        "Print a decoder's perplexity on a text, and the loss: the perplexity is exp(loss).")
public final class PerplexityCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer.json.")
  private Path model;

  @Parameters(paramLabel = "FILE", description = "A UTF-8 text.")
  private Path file;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description = "Tokens between the windows of a text longer than the context. Default: half.")
  private Integer stride;

  @Override
  public Integer call() throws IOException {
    String text = TextFile.read(file);
    try (CausalLM lm =
        CausalLM.load(model, CausalLMOptions.DEFAULT.withCompute(compute.options().compute()))) {
      TextScore score = stride == null ? lm.score(text) : lm.score(lm.tokenize(text), stride);
      PrintWriter out = spec.commandLine().getOut();
      out.printf(
          Locale.ROOT,
          "perplexity %.4f  loss %.6f  tokens %d%n",
          score.perplexity(),
          score.loss(),
          score.ids().length);
    }
    return 0;
  }
}
