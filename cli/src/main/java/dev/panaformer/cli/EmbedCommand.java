package dev.panaformer.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.panaformer.ModelOptions;
import dev.panaformer.TextEmbedder;
import dev.panaformer.kernel.Backend;
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
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  @Spec private CommandSpec spec;
  @Mixin private TextArguments texts;

  @Option(
      names = "--model",
      paramLabel = "DIR",
      description = "A folder with config.json, weights and tokenizer. Default: all-MiniLM-L6-v2.")
  private Path model;

  @Option(names = "--similarity", description = "Print the cosine similarities as a table instead.")
  private boolean similarity;

  @Option(names = "--backend", description = "auto, native or java.")
  private Backend backend = Backend.AUTO;

  @Option(names = "--threads", paramLabel = "N", description = "Threads that compute a pass.")
  private int threads = ModelOptions.DEFAULT.threads();

  @Override
  public Integer call() throws IOException {
    ModelOptions options = ModelOptions.DEFAULT.withBackend(backend).withThreads(threads);
    PrintWriter out = spec.commandLine().getOut();
    try (TextReader reader = texts.open();
        TextEmbedder embedder =
            TextEmbedder.load(model == null ? DefaultModel.folder() : model, options);
        Progress progress = Progress.of("Embedding", reader.remaining())) {
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
            out.println(json(next.get(i), embedder.tokenize(next.get(i)).length, embedded[i]));
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

  private static String json(String text, int tokens, float[] vector) {
    JsonArray embedding = new JsonArray(vector.length);
    for (float value : vector) {
      embedding.add(value);
    }
    JsonObject line = new JsonObject();
    line.addProperty("text", text);
    line.addProperty("tokens", tokens);
    line.add("embedding", embedding);
    return GSON.toJson(line);
  }

  private static void table(PrintWriter out, List<String> texts, List<float[]> vectors) {
    for (int i = 0; i < texts.size(); i++) {
      StringBuilder row = new StringBuilder(String.format("%4d", i + 1));
      for (float[] other : vectors) {
        row.append(String.format(Locale.ROOT, "  %7.4f", cosine(vectors.get(i), other)));
      }
      out.println(row.append("  ").append(texts.get(i)));
    }
    out.flush();
  }

  private static double cosine(float[] a, float[] b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return dot / Math.sqrt(Math.max(aa * bb, Double.MIN_NORMAL));
  }
}
