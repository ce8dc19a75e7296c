package dev.panaformer.bench.model;

import com.google.gson.JsonObject;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A small Llama with seeded random weights, both in Panaformer's folder and in llama.cpp's file.
 */
public final class Llama {
  public static final int LAYERS = 12;
  public static final int HEADS = 12;
  public static final int HIDDEN = 768;
  public static final int INTERMEDIATE = 2048;
  public static final int VOCAB = 32000;
  public static final int POSITIONS = 1024;
  public static final float EPS = 1e-5f;

  private Llama() {}

  /** Panaformer's folder of the model. It is written if it does not exist. */
  public static Path panaformer(Path parent) throws IOException {
    Path folder = Files.createDirectories(parent.resolve("llama-768"));
    Path weights = folder.resolve("model.safetensors");
    if (!Files.exists(weights)) {
      JsonObject config = new JsonObject();
      config.addProperty("model_type", "llama");
      config.addProperty("vocab_size", VOCAB);
      config.addProperty("max_position_embeddings", POSITIONS);
      config.addProperty("hidden_size", HIDDEN);
      config.addProperty("intermediate_size", INTERMEDIATE);
      config.addProperty("num_hidden_layers", LAYERS);
      config.addProperty("num_attention_heads", HEADS);
      config.addProperty("rms_norm_eps", EPS);
      Files.writeString(folder.resolve("config.json"), config.toString());
      SafetensorsWriter.write(weights, tensors(), Map.of());
    }
    return folder;
  }

  private static Map<String, Tensor> tensors() {
    SplittableRandom random = new SplittableRandom(3);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("model.embed_tokens.weight", Gpt2.noise(random, VOCAB, HIDDEN));
    for (int i = 0; i < LAYERS; i++) {
      String layer = "model.layers." + i + ".";
      tensors.put(layer + "input_layernorm.weight", ones());
      for (String part : new String[] {"q_proj", "k_proj", "v_proj", "o_proj"}) {
        tensors.put(layer + "self_attn." + part + ".weight", Gpt2.noise(random, HIDDEN, HIDDEN));
      }
      tensors.put(layer + "post_attention_layernorm.weight", ones());
      tensors.put(layer + "mlp.gate_proj.weight", Gpt2.noise(random, INTERMEDIATE, HIDDEN));
      tensors.put(layer + "mlp.up_proj.weight", Gpt2.noise(random, INTERMEDIATE, HIDDEN));
      tensors.put(layer + "mlp.down_proj.weight", Gpt2.noise(random, HIDDEN, INTERMEDIATE));
    }
    tensors.put("model.norm.weight", ones());
    tensors.put("lm_head.weight", Gpt2.noise(random, VOCAB, HIDDEN));
    return tensors;
  }

  private static Tensor ones() {
    float[] ones = new float[HIDDEN];
    Arrays.fill(ones, 1);
    return Tensor.ofFloats(ones, HIDDEN);
  }

  /** The float32 file for llama.cpp, as {@link #gguf(Path, GgufType)} writes it. */
  public static Path gguf(Path folder) throws IOException {
    return gguf(folder, GgufType.F32);
  }

  /** The file with the same weights for llama.cpp. It is written if it does not exist. */
  public static Path gguf(Path folder, GgufType type) throws IOException {
    Path file = folder.resolve("model-" + type + ".gguf");
    if (!Files.exists(file)) {
      try (SafetensorsCheckpoint checkpoint =
              SafetensorsCheckpoint.open(folder.resolve("model.safetensors"));
          Arena arena = Arena.ofConfined()) {
        Map<String, Tensor> renamed = new LinkedHashMap<>();
        for (String name : checkpoint.names()) {
          renamed.put(ggufName(name), checkpoint.tensor(name, arena));
        }
        GgufWriter.write(file, renamed, type);
      }
    }
    return file;
  }

  private static String ggufName(String name) {
    return name.replace("model.layers.", "blk.")
        .replace("input_layernorm", "attn_norm")
        .replace("post_attention_layernorm", "ffn_norm")
        .replace("self_attn.q_proj", "attn_q")
        .replace("self_attn.k_proj", "attn_k")
        .replace("self_attn.v_proj", "attn_v")
        .replace("self_attn.o_proj", "attn_output")
        .replace("mlp.gate_proj", "ffn_gate")
        .replace("mlp.up_proj", "ffn_up")
        .replace("mlp.down_proj", "ffn_down")
        .replace("model.embed_tokens", "token_embd")
        .replace("model.norm", "output_norm")
        .replace("lm_head", "output");
  }
}
