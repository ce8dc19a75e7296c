package dev.panaformer.bench.model;

import com.google.gson.JsonObject;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/** BERT-base with seeded random weights, in the files that Panaformer reads. */
public final class BertBase {
  private static final int LAYERS = 12;
  private static final int HIDDEN = 768;
  private static final int VOCAB = 30522;
  private static final int POSITIONS = 512;

  private final SplittableRandom random = new SplittableRandom(6);
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  private BertBase() {}

  /** The model's folder. It is written if it does not exist. */
  public static Path panaformer(Path parent) throws IOException {
    Path folder = Files.createDirectories(parent.resolve("bert-base"));
    Path weights = folder.resolve("model.safetensors");
    if (!Files.exists(weights)) {
      JsonObject config = new JsonObject();
      config.addProperty("model_type", "bert");
      config.addProperty("vocab_size", VOCAB);
      config.addProperty("hidden_size", HIDDEN);
      config.addProperty("num_hidden_layers", LAYERS);
      config.addProperty("num_attention_heads", HIDDEN / 64);
      config.addProperty("intermediate_size", 4 * HIDDEN);
      config.addProperty("max_position_embeddings", POSITIONS);
      config.addProperty("type_vocab_size", 2);
      config.addProperty("hidden_act", "gelu");
      config.addProperty("layer_norm_eps", 1e-12);
      Files.writeString(folder.resolve("config.json"), config.toString());
      MiniLmFolder.addTokenizer(folder);
      SafetensorsWriter.write(weights, new BertBase().tensors(), Map.of());
    }
    return folder;
  }

  private Map<String, Tensor> tensors() {
    matrix("embeddings.word_embeddings", VOCAB, HIDDEN);
    matrix("embeddings.position_embeddings", POSITIONS, HIDDEN);
    matrix("embeddings.token_type_embeddings", 2, HIDDEN);
    norm("embeddings.LayerNorm");
    for (int i = 0; i < LAYERS; i++) {
      String layer = "encoder.layer." + i + ".";
      for (String part : new String[] {"self.query", "self.key", "self.value", "output.dense"}) {
        linear(layer + "attention." + part, HIDDEN, HIDDEN);
      }
      norm(layer + "attention.output.LayerNorm");
      linear(layer + "intermediate.dense", 4 * HIDDEN, HIDDEN);
      linear(layer + "output.dense", HIDDEN, 4 * HIDDEN);
      norm(layer + "output.LayerNorm");
    }
    return tensors;
  }

  private void matrix(String name, int out, int in) {
    tensors.put(name + ".weight", Gpt2.noise(random, out, in));
  }

  private void linear(String name, int out, int in) {
    matrix(name, out, in);
    tensors.put(name + ".bias", Tensor.ofFloats(new float[out], out));
  }

  private void norm(String name) {
    float[] ones = new float[HIDDEN];
    Arrays.fill(ones, 1);
    tensors.put(name + ".weight", Tensor.ofFloats(ones, HIDDEN));
    tensors.put(name + ".bias", Tensor.ofFloats(new float[HIDDEN], HIDDEN));
  }
}
