package dev.panaformer.cli.command;

import dev.panaformer.AttentionMap;
import dev.panaformer.CausalLMOptions;
import dev.panaformer.Seq2Seq;
import dev.panaformer.cli.arguments.ComputeArguments;
import dev.panaformer.cli.drawing.AttentionImage;
import dev.panaformer.cli.drawing.Drawing;
import dev.panaformer.cli.terminal.Output;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.terminal.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Draws cross-attention: which tokens of the source each token of the target attends to. */
@Command(
    name = "attention",
    sortOptions = false,
    description =
        "Draw an encoder-decoder's cross-attention: the target's tokens down, the source's across.")
public final class AttentionCommand implements Callable<Integer> {
  @Mixin private Output output;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer.json.")
  private Path model;

  @Option(
      names = "--source",
      required = true,
      paramLabel = "TEXT",
      description = "What the encoder reads.")
  private String source;

  @Option(
      names = "--target",
      paramLabel = "TEXT",
      description = "What the decoder says. Default: what it would say.")
  private String target;

  @Option(
      names = "--layer",
      paramLabel = "N",
      description = "A layer of the decoder, from 0. Default: the mean over all of them.")
  private Integer layer;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FILE",
      description = "The PNG file to write.")
  private Path file;

  /** The tokens, a row of weights for each of the target's, and the file of the drawing. */
  private record DrawnAttention(
      List<String> source, List<String> target, float[][] weights, String file) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.printf(Locale.ROOT, "%s: %d by %d tokens%n", file, target.size(), source.size());
    }
  }

  @Override
  public Integer call() throws IOException {
    System.setProperty("java.awt.headless", "true");
    try (Seq2Seq seq2seq =
        Seq2Seq.load(model, CausalLMOptions.DEFAULT.withCompute(compute.options().compute()))) {
      int layers = seq2seq.numLayers();
      if (layer != null && (layer < 0 || layer >= layers)) {
        throw new UsageException("--layer is " + layer + ", expected 0 to " + (layers - 1));
      }
      int[] read = seq2seq.tokenize(source);
      int[] said =
          target != null
              ? seq2seq.tokenize(target)
              : seq2seq.stream(source, seq2seq.options()).result().ids();
      AttentionMap map = seq2seq.attention(read, said);
      float[][] weights = layer == null ? map.mean() : map.mean(layer);
      // A row is labelled by the token that is said there, not by the one before it.
      List<String> rows = tokens(seq2seq, said);
      List<String> columns = tokens(seq2seq, read);
      Drawing.write(AttentionImage.draw(weights, rows, columns), file);
      output.print(new DrawnAttention(columns, rows, weights, file.toString()));
    }
    return 0;
  }

  private static List<String> tokens(Seq2Seq seq2seq, int[] ids) {
    return Arrays.stream(ids).mapToObj(seq2seq::token).toList();
  }
}
