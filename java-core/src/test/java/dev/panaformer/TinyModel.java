package dev.panaformer;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Writes the folder of a small BERT with random weights, of which tests then spoil this or that.
 */
public final class TinyModel {
  public static final int HIDDEN = 24;
  public static final int POSITIONS = 40;
  private static final int INTERMEDIATE = 50;
  private static final int LAYERS = 2;

  /** One token a letter and then some, so that texts make sequences of known lengths. */
  private static final List<String> WORDS =
      List.of(
          "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f", "g", "h", "i",
          "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z",
          "##s", "love", "you", ".", "?");

  public static final int VOCAB = 36;

  /** config.json; to be changed before {@link #write}. */
  public final JsonObject config = new JsonObject();

  /** model.safetensors; to be changed before {@link #write}. */
  public final Map<String, Tensor> weights = new LinkedHashMap<>();

  private final Random random = new Random(3);

  /**
   * @param architecture {@code BertModel}, {@code BertForMaskedLM}, …
   */
  public TinyModel(String architecture) {
    config.addProperty("model_type", "bert");
    JsonArray architectures = new JsonArray();
    architectures.add(architecture);
    config.add("architectures", architectures);
    config.addProperty("vocab_size", VOCAB);
    config.addProperty("hidden_size", HIDDEN);
    config.addProperty("num_hidden_layers", LAYERS);
    config.addProperty("num_attention_heads", 3);
    config.addProperty("intermediate_size", INTERMEDIATE);
    config.addProperty("hidden_act", "gelu");
    config.addProperty("max_position_embeddings", POSITIONS);
    config.addProperty("type_vocab_size", 2);
    config.addProperty("layer_norm_eps", 1e-12);
    config.addProperty("pad_token_id", 0);
    String prefix = architecture.equals("BertModel") ? "" : "bert.";
    tensor(prefix + "embeddings.word_embeddings.weight", VOCAB, HIDDEN);
    tensor(prefix + "embeddings.position_embeddings.weight", POSITIONS, HIDDEN);
    tensor(prefix + "embeddings.token_type_embeddings.weight", 2, HIDDEN);
    norm(prefix + "embeddings.LayerNorm");
    for (int i = 0; i < LAYERS; i++) {
      String layer = prefix + "encoder.layer." + i;
      linear(layer + ".attention.self.query", HIDDEN, HIDDEN);
      linear(layer + ".attention.self.key", HIDDEN, HIDDEN);
      linear(layer + ".attention.self.value", HIDDEN, HIDDEN);
      linear(layer + ".attention.output.dense", HIDDEN, HIDDEN);
      norm(layer + ".attention.output.LayerNorm");
      linear(layer + ".intermediate.dense", INTERMEDIATE, HIDDEN);
      linear(layer + ".output.dense", HIDDEN, INTERMEDIATE);
      norm(layer + ".output.LayerNorm");
    }
    switch (architecture) {
      case "BertForMaskedLM" -> {
        linear("cls.predictions.transform.dense", HIDDEN, HIDDEN);
        norm("cls.predictions.transform.LayerNorm");
        tensor("cls.predictions.bias", VOCAB);
      }
      case "BertForSequenceClassification" -> {
        linear("bert.pooler.dense", HIDDEN, HIDDEN);
        labels("bad", "fair", "good");
      }
      case "BertForTokenClassification" -> labels("O", "B-PER", "I-PER", "B-LOC", "I-LOC");
      case "BertForQuestionAnswering" -> linear("qa_outputs", 2, HIDDEN);
      default -> {}
    }
  }

  /** Names the labels and gives the classifier as many outputs. */
  public TinyModel labels(String... labels) {
    JsonObject byId = new JsonObject();
    for (int i = 0; i < labels.length; i++) {
      byId.addProperty(Integer.toString(i), labels[i]);
    }
    config.add("id2label", byId);
    linear("classifier", labels.length, HIDDEN);
    return this;
  }

  private void linear(String name, int out, int in) {
    tensor(name + ".weight", out, in);
    tensor(name + ".bias", out);
  }

  private void norm(String name) {
    tensor(name + ".weight", HIDDEN);
    tensor(name + ".bias", HIDDEN);
  }

  /** Adds or replaces a tensor of random values. */
  public void tensor(String name, long... shape) {
    float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() / 3;
    }
    weights.put(name, Tensor.ofFloats(values, shape));
  }

  /** Writes config.json, model.safetensors and vocab.txt. */
  public Path write(Path folder) {
    try {
      Files.createDirectories(folder);
      Files.writeString(folder.resolve("config.json"), config.toString());
      Files.write(folder.resolve("vocab.txt"), WORDS);
      SafetensorsWriter.write(folder.resolve("model.safetensors"), weights, Map.of());
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
