package dev.panaformer.cli.command;

import dev.panaformer.TextEmbedder;
import dev.panaformer.TextPair;
import dev.panaformer.cli.arguments.PairArguments;
import dev.panaformer.cli.conversion.DefaultModel;
import dev.panaformer.cli.terminal.Result;
import dev.panaformer.cli.verify.Cosine;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Embeds texts: prints one JSON line each, or how similar they are. */
@Command(
    name = "embed",
    description = {
      "Print one JSON line a text: {\"text\": …, \"tokens\": n, \"embedding\": […]}.",
      "With --similarity, print a table of cosine similarities; with --json too, its rows.",
      "With --pairs, print the cosine similarity of the two texts of each pair."
    })
public final class EmbedCommand extends TextCommand<TextEmbedder> {
  @Mixin private PairArguments pairs;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer. Default: all-MiniLM-L6-v2.")
  private Path model;

  @Option(names = "--similarity", description = "Print the cosine similarities instead.")
  private boolean similarity;

  private record EmbeddedText(String text, int tokens, float[] embedding) {}

  /** A row of the table. */
  private record Similarities(int number, String text, List<Double> similarities)
      implements Result {
    @Override
    public void print(PrintWriter out) {
      out.printf(Locale.ROOT, "%4d", number);
      similarities.forEach(cosine -> out.printf(Locale.ROOT, "  %7.4f", cosine));
      out.println("  " + text);
    }
  }

  private record SimilarPair(String text, String pair, double similarity) implements Result {
    @Override
    public void print(PrintWriter out) {
      out.printf(Locale.ROOT, "%7.4f  %s\t%s%n", similarity, text, pair);
    }
  }

  /** For the table. */
  private final List<String> texts = new ArrayList<>();

  private final List<float[]> vectors = new ArrayList<>();

  public EmbedCommand() {
    super("Embedding");
  }

  @Override
  boolean arePairs() {
    return pairs.arePairs();
  }

  @Override
  TextEmbedder load() throws IOException {
    return TextEmbedder.load(model == null ? DefaultModel.folder() : model, options());
  }

  @Override
  int atOnce(TextEmbedder embedder) {
    return BATCH;
  }

  @Override
  void evaluateTexts(TextEmbedder embedder, List<String> next) {
    float[][] embedded = embedder.embedAll(next);
    for (int i = 0; i < embedded.length; i++) {
      if (similarity) {
        texts.add(next.get(i));
        vectors.add(embedded[i]);
      } else {
        int tokens = embedder.tokenize(next.get(i)).length;
        output().json(new EmbeddedText(next.get(i), tokens, embedded[i]));
      }
    }
  }

  @Override
  void evaluatePairs(TextEmbedder embedder, List<TextPair> pairs) {
    List<String> both =
        Stream.concat(pairs.stream().map(TextPair::first), pairs.stream().map(TextPair::second))
            .toList();
    float[][] embedded = embedder.embedAll(both);
    for (int i = 0; i < pairs.size(); i++) {
      double cosine = Cosine.of(embedded[i], embedded[i + pairs.size()]);
      output().print(new SimilarPair(pairs.get(i).first(), pairs.get(i).second(), cosine));
    }
  }

  @Override
  void finish() {
    for (int i = 0; i < texts.size(); i++) {
      float[] vector = vectors.get(i);
      List<Double> cosines = vectors.stream().map(other -> Cosine.of(vector, other)).toList();
      output().print(new Similarities(i + 1, texts.get(i), cosines));
    }
  }
}
