package dev.panaformer.cli.command;

import dev.panaformer.TextEmbedder;
import dev.panaformer.cli.conversion.DefaultModel;
import dev.panaformer.cli.terminal.Json;
import dev.panaformer.cli.verify.Cosine;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Embeds texts: prints one JSON line each, or a table of their similarities. */
@Command(
    name = "embed",
    description = "Print one JSON line a text: {\"text\": …, \"tokens\": n, \"embedding\": […]}.")
public final class EmbedCommand extends TextCommand<TextEmbedder> {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer. Default: all-MiniLM-L6-v2.")
  private Path model;

  @Option(names = "--similarity", description = "Print the cosine similarities as a table instead.")
  private boolean similarity;

  private record EmbeddedText(String text, int tokens, float[] embedding) {}

  /** For the table. */
  private final List<String> texts = new ArrayList<>();

  private final List<float[]> vectors = new ArrayList<>();

  public EmbedCommand() {
    super("Embedding");
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
  void evaluate(TextEmbedder embedder, List<String> next) {
    float[][] embedded = embedder.embedAll(next);
    for (int i = 0; i < embedded.length; i++) {
      if (similarity) {
        texts.add(next.get(i));
        vectors.add(embedded[i]);
      } else {
        int tokens = embedder.tokenize(next.get(i)).length;
        out().println(Json.line(new EmbeddedText(next.get(i), tokens, embedded[i])));
      }
    }
  }

  @Override
  void finish() {
    if (similarity) {
      table(out(), texts, vectors);
    }
  }

  private static void table(PrintWriter out, List<String> texts, List<float[]> vectors) {
    for (int i = 0; i < texts.size(); i++) {
      StringBuilder row = new StringBuilder(String.format("%4d", i + 1));
      for (float[] other : vectors) {
        row.append(String.format(Locale.ROOT, "  %7.4f", Cosine.of(vectors.get(i), other)));
      }
      out.println(row.append("  ").append(texts.get(i)));
    }
    out.flush();
  }
}
