package dev.panaformer.bench.model;

import com.google.gson.JsonArray;
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

/** ViT-B/16 and Swin-T with seeded random weights, in the files that Panaformer reads. */
public final class VisionModels {
  public static final int SIDE = 224;
  private static final int CHANNELS = 3;
  private static final int LABELS = 1000;

  private final SplittableRandom random = new SplittableRandom(3);
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final JsonObject config = new JsonObject();

  private VisionModels(String type, String architecture) {
    JsonArray architectures = new JsonArray();
    architectures.add(architecture);
    config.add("architectures", architectures);
    config.addProperty("model_type", type);
    config.addProperty("num_labels", LABELS);
  }

  /** The folder of ViT-B/16. It is written if it does not exist. */
  public static Path vitBase(Path parent) throws IOException {
    Path folder = parent.resolve("vit-b16");
    if (!Files.exists(folder.resolve("model.safetensors"))) {
      vitBase().write(folder);
    }
    return folder;
  }

  public static Path swinTiny(Path parent) throws IOException {
    Path folder = parent.resolve("swin-tiny");
    if (!Files.exists(folder.resolve("model.safetensors"))) {
      swinTiny().write(folder);
    }
    return folder;
  }

  private static VisionModels vitBase() {
    VisionModels m = new VisionModels("vit", "ViTForImageClassification");
    int hidden = 768;
    m.noise("vit.embeddings.cls_token", 1, 1, hidden);
    m.noise("vit.embeddings.position_embeddings", 1, 197, hidden);
    m.noise("vit.embeddings.patch_embeddings.projection.weight", hidden, CHANNELS, 16, 16);
    m.noise("vit.embeddings.patch_embeddings.projection.bias", hidden);
    for (int i = 0; i < 12; i++) {
      m.layer("vit.encoder.layer." + i + ".", "attention.attention.", hidden);
    }
    m.norm("vit.layernorm", hidden);
    m.linear("classifier", LABELS, hidden);
    return m;
  }

  private static VisionModels swinTiny() {
    VisionModels m = new VisionModels("swin", "SwinForImageClassification");
    int[] depths = {2, 2, 6, 2};
    int[] heads = {3, 6, 12, 24};
    m.noise("swin.embeddings.patch_embeddings.projection.weight", 96, CHANNELS, 4, 4);
    m.noise("swin.embeddings.patch_embeddings.projection.bias", 96);
    m.norm("swin.embeddings.norm", 96);
    for (int stage = 0; stage < depths.length; stage++) {
      int hidden = 96 << stage;
      String prefix = "swin.encoder.layers." + stage + ".";
      for (int i = 0; i < depths[stage]; i++) {
        String layer = prefix + "blocks." + i + ".";
        m.layer(layer, "attention.self.", hidden);
        m.noise(layer + "attention.self.relative_position_bias_table", 13 * 13, heads[stage]);
      }
      if (stage + 1 < depths.length) {
        m.norm(prefix + "downsample.norm", 4 * hidden);
        m.noise(prefix + "downsample.reduction.weight", 2 * hidden, 4 * hidden);
      }
    }
    m.norm("swin.layernorm", 768);
    m.linear("classifier", LABELS, 768);
    return m;
  }

  private void layer(String layer, String attention, int hidden) {
    norm(layer + "layernorm_before", hidden);
    linear(layer + attention + "query", hidden, hidden);
    linear(layer + attention + "key", hidden, hidden);
    linear(layer + attention + "value", hidden, hidden);
    linear(layer + "attention.output.dense", hidden, hidden);
    norm(layer + "layernorm_after", hidden);
    linear(layer + "intermediate.dense", 4 * hidden, hidden);
    linear(layer + "output.dense", hidden, 4 * hidden);
  }

  private void linear(String name, int out, int in) {
    noise(name + ".weight", out, in);
    noise(name + ".bias", out);
  }

  private void norm(String name, int hidden) {
    float[] ones = new float[hidden];
    Arrays.fill(ones, 1);
    tensors.put(name + ".weight", Tensor.ofFloats(ones, hidden));
    tensors.put(name + ".bias", Tensor.ofFloats(new float[hidden], hidden));
  }

  private void noise(String name, long... shape) {
    float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
    for (int i = 0; i < values.length; i++) {
      values[i] = Gpt2.noise(random);
    }
    tensors.put(name, Tensor.ofFloats(values, shape));
  }

  private void write(Path folder) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), config.toString());
    Files.writeString(folder.resolve("preprocessor_config.json"), "{\"size\": " + SIDE + "}");
    SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
  }
}
