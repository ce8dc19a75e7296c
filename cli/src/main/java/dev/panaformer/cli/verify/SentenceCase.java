package dev.panaformer.cli.verify;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.panaformer.TextEmbedder;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.cli.conversion.DefaultModel;
import dev.panaformer.model.text.EncoderConfig;
import dev.panaformer.tensor.Tensor;
import dev.panaformer.tokenizer.ControlTokens;
import dev.panaformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * A case of sentence embeddings. It compares the embeddings of sentences, and the token ids of
 * strings. The model is the one in the folder of the case or, if there is none, all-MiniLM-L6-v2.
 */
record SentenceCase(String name, Path folder) implements GoldenCase {
  // The reference of the published model was computed in float32, so it has rounding errors too.
  private static final double TOLERANCE_MAX_ABS = 2e-5;
  private static final double MIN_COSINE = 0.99999;

  @Override
  public void run(Backends backends, Report report) throws IOException {
    boolean own = Files.exists(folder.resolve("config.json"));
    Path model = own ? folder : DefaultModel.folder();
    Path ids = folder.resolve("expected_ids.jsonl");
    if (Files.exists(ids)) {
      new TokenizerCase(name, model, ids).run(backends, report);
    }
    if (Files.exists(folder.resolve("embeddings.safetensors"))) {
      report.add(embeddings(backends, model));
    }
  }

  private Comparison embeddings(Backends backends, Path model) throws IOException {
    List<String> sentences = sentences();
    try (TextEmbedder embedder = TextEmbedder.load(model, backends.options());
        SafetensorsCheckpoint file =
            SafetensorsCheckpoint.open(folder.resolve("embeddings.safetensors"));
        Arena arena = Arena.ofConfined()) {
      Tensor reference = file.tensor("embeddings", arena);
      int dimension = embedder.dimension();
      String shape = Tensor.format(new long[] {sentences.size(), dimension});
      if (!reference.shapeString().equals(shape)) {
        return Comparison.missing("embeddings", reference.shapeString(), "ours is " + shape);
      }
      return compare(embedder.embedAll(ids(model, sentences)), reference, dimension);
    }
  }

  /**
   * Token ids as the reference makes them, which recognises control tokens in every text. {@link
   * TextEmbedder} reads them as text, since its texts come from users.
   */
  private static int[][] ids(Path model, List<String> sentences) {
    ModelFolder folder = ModelFolder.open(model);
    Tokenizer tokenizer = Tokenizer.load(folder.transformer());
    OptionalInt limit = folder.maxSequenceLength();
    int maxTokens =
        Math.min(
            EncoderConfig.of(folder.config()).maxTokens(),
            (limit.isPresent() ? limit : tokenizer.maxLength()).orElse(Integer.MAX_VALUE));
    return sentences.stream()
        .map(text -> tokenizer.ids(text.strip(), maxTokens, ControlTokens.PARSE))
        .toArray(int[][]::new);
  }

  private static Comparison compare(float[][] vectors, Tensor reference, int dimension) {
    float[] expected = reference.toFloats();
    float[] ours = new float[expected.length];
    double minCosine = 1;
    for (int s = 0; s < vectors.length; s++) {
      System.arraycopy(vectors[s], 0, ours, s * dimension, dimension);
      float[] row = Arrays.copyOfRange(expected, s * dimension, (s + 1) * dimension);
      minCosine = Math.min(minCosine, Cosine.of(vectors[s], row));
    }
    Difference difference = Difference.of(ours, expected, i -> true);
    return new Comparison(
        "embeddings",
        reference.shapeString(),
        difference.maxAbs(),
        difference.relL2(),
        String.format(Locale.ROOT, "%.0e abs", TOLERANCE_MAX_ABS),
        difference.isFinite()
            && difference.maxAbs() <= TOLERANCE_MAX_ABS
            && minCosine >= MIN_COSINE,
        String.format(Locale.ROOT, "cosine at least %.7f, expected %.5f", minCosine, MIN_COSINE),
        Tensor.ofFloats(ours, expected.length / dimension, dimension));
  }

  private List<String> sentences() throws IOException {
    Path file = folder.resolve("sentences.json");
    List<String> sentences = new ArrayList<>();
    try {
      JsonArray array = JsonParser.parseString(Files.readString(file)).getAsJsonArray();
      for (JsonElement sentence : array) {
        sentences.add(sentence.getAsString());
      }
      return sentences;
    } catch (JsonParseException | IllegalStateException | UnsupportedOperationException e) {
      throw new CheckpointException(file + ": expected an array of strings", e);
    }
  }
}
