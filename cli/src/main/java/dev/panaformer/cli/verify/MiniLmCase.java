package dev.panaformer.cli.verify;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.ModelOptions;
import dev.panaformer.TextEmbedder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The real all-MiniLM-L6-v2: ids and embeddings. */
record MiniLmCase(String name, Path folder, Path model) implements GoldenCase {
  private static final double MAX_ABS = 2e-5;
  private static final double MIN_COSINE = 0.99999;

  @Override
  public void run(Backends backends, Report report) throws IOException {
    ModelOptions options =
        ModelOptions.DEFAULT.withBackend(backends.backend()).withThreads(backends.threads());
    try (TextEmbedder embedder = TextEmbedder.load(model, options)) {
      report.add(ids(embedder));
      report.add(embeddings(embedder));
    }
  }

  private Comparison ids(TextEmbedder embedder) throws IOException {
    int differing = 0;
    String first = "";
    List<String> lines = Files.readAllLines(folder.resolve("expected_ids.jsonl"));
    for (String line : lines) {
      JsonObject expected = JsonParser.parseString(line).getAsJsonObject();
      JsonArray reference = expected.getAsJsonArray("ids");
      int[] ours = embedder.tokenize(expected.get("text").getAsString());
      if (!reference.toString().equals(Arrays.toString(ours).replace(" ", ""))) {
        first = differing++ == 0 ? expected.get("text").toString() : first;
      }
    }
    return Comparison.exact("ids", lines.size(), differing, first);
  }

  private Comparison embeddings(TextEmbedder embedder) throws IOException {
    List<String> sentences = new ArrayList<>();
    for (JsonElement sentence :
        JsonParser.parseString(Files.readString(folder.resolve("sentences.json")))
            .getAsJsonArray()) {
      sentences.add(sentence.getAsString());
    }
    float[] reference;
    try (SafetensorsCheckpoint checkpoint =
            SafetensorsCheckpoint.open(folder.resolve("embeddings.safetensors"));
        Arena arena = Arena.ofConfined()) {
      reference = checkpoint.tensor("embeddings", arena).toFloats();
    }
    float[][] vectors = embedder.embedAll(sentences);
    int dimension = embedder.dimension();
    float[] ours = new float[vectors.length * dimension];
    double cosine = 1;
    for (int s = 0; s < vectors.length; s++) {
      System.arraycopy(vectors[s], 0, ours, s * dimension, dimension);
      double dot = 0;
      for (int i = 0; i < dimension; i++) {
        dot += (double) vectors[s][i] * reference[s * dimension + i];
      }
      cosine = Math.min(cosine, dot);
    }
    long[] shape = {vectors.length, dimension};
    Comparison c = Comparison.of("embeddings", shape, ours, reference, i -> true, MAX_ABS);
    boolean ok = c.maxAbs() <= MAX_ABS && cosine >= MIN_COSINE;
    return new Comparison(
        c.output(),
        c.shape(),
        c.maxAbs(),
        c.relL2(),
        "max-abs 2e-5",
        ok,
        ok ? "" : "cosine " + cosine);
  }
}
