package dev.panaformer.cli;

import dev.panaformer.TextEmbedder;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Texts to vectors: one JSON line each, or a table of their similarities. */
@Command(
    name = "embed",
    description = "Print one JSON line a text: {\"text\": …, \"tokens\": n, \"embedding\": […]}.")
final class EmbedCommand implements Callable<Integer> {
  private static final int TEXTS_AT_ONCE = 64;

  @Spec private CommandSpec spec;
  @Mixin private TextArguments texts;
  @Mixin private ComputeArguments compute;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer. Default: all-MiniLM-L6-v2.")
  private Path model;

  @Option(names = "--similarity", description = "Print the cosine similarities as a table instead.")
  private boolean similarity;

  private record EmbeddedText(String text, int tokens, float[] embedding) {}

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    try (TextReader reader = texts.open();
        TextEmbedder embedder =
            TextEmbedder.load(model == null ? DefaultModel.folder() : model, compute.options());
        Progress progress = Progress.printing("Embedding", reader.remaining())) {
      List<String> all = new ArrayList<>();
      List<float[]> vectors = new ArrayList<>();
      for (List<String> next = reader.next(TEXTS_AT_ONCE);
          !next.isEmpty();
          next = reader.next(TEXTS_AT_ONCE)) {
        float[][] embedded = embedder.embedAll(next);
        for (int i = 0; i < embedded.length; i++) {
          if (similarity) {
            all.add(next.get(i));
            vectors.add(embedded[i]);
          } else {
            int tokens = embedder.tokenize(next.get(i)).length;
            out.println(Json.line(new EmbeddedText(next.get(i), tokens, embedded[i])));
          }
        }
        out.flush();
        progress.advance(next.size());
      }
      if (similarity) {
        table(out, all, vectors);
      }
    }
    return 0;
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
