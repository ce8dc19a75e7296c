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

/** GPT-2 small with seeded random weights, in the files that each side reads. */
public final class Gpt2 {
  public static final int LAYERS = 12;
  public static final int HEADS = 12;
  public static final int HIDDEN = 768;
  public static final int HEAD_DIM = HIDDEN / HEADS;
  public static final int VOCAB = 50257;
  private static final int POSITIONS = 1024;
  private static final float DEVIATION = 0.02f;

  /** The minimum number of bytes that a decoding step reads: every matrix once. */
  public static final long STEP_BYTES =
      Float.BYTES * ((long) VOCAB * HIDDEN + LAYERS * 12L * HIDDEN * HIDDEN);

  /**
   * The minimum number of bytes that a greedy decoding step of Panaformer reads: the screen of the
   * head instead of the head, and every other matrix once.
   */
  public static final long SCREENED_STEP_BYTES = STEP_BYTES - 3L * VOCAB * HIDDEN;

  private Gpt2() {}

  /** Panaformer's folder of the model. It is written if it does not exist. */
  public static Path panaformer(Path parent) throws IOException {
    Path folder = Files.createDirectories(parent.resolve("gpt2-small"));
    Path weights = folder.resolve("model.safetensors");
    if (!Files.exists(weights)) {
      JsonObject config = new JsonObject();
      config.addProperty("model_type", "gpt2");
      config.addProperty("vocab_size", VOCAB);
      config.addProperty("n_positions", POSITIONS);
      config.addProperty("n_embd", HIDDEN);
      config.addProperty("n_layer", LAYERS);
      config.addProperty("n_head", HEADS);
      Files.writeString(folder.resolve("config.json"), config.toString());
      SafetensorsWriter.write(weights, tensors(), Map.of());
    }
    return folder;
  }

  private static Map<String, Tensor> tensors() {
    SplittableRandom random = new SplittableRandom(1);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("wte.weight", noise(random, VOCAB, HIDDEN));
    tensors.put("wpe.weight", noise(random, POSITIONS, HIDDEN));
    for (int i = 0; i < LAYERS; i++) {
      String layer = "h." + i + ".";
      norm(tensors, layer + "ln_1");
      linear(tensors, random, layer + "attn.c_attn", HIDDEN, 3 * HIDDEN);
      linear(tensors, random, layer + "attn.c_proj", HIDDEN, HIDDEN);
      norm(tensors, layer + "ln_2");
      linear(tensors, random, layer + "mlp.c_fc", HIDDEN, 4 * HIDDEN);
      linear(tensors, random, layer + "mlp.c_proj", 4 * HIDDEN, HIDDEN);
    }
    norm(tensors, "ln_f");
    return tensors;
  }

  private static void linear(
      Map<String, Tensor> tensors, SplittableRandom random, String name, int in, int out) {
    tensors.put(name + ".weight", noise(random, in, out));
    tensors.put(name + ".bias", Tensor.ofFloats(new float[out], out));
  }

  private static void norm(Map<String, Tensor> tensors, String name) {
    float[] ones = new float[HIDDEN];
    Arrays.fill(ones, 1);
    tensors.put(name + ".weight", Tensor.ofFloats(ones, HIDDEN));
    tensors.put(name + ".bias", Tensor.ofFloats(new float[HIDDEN], HIDDEN));
  }

  public static Tensor noise(SplittableRandom random, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = noise(random);
    }
    return Tensor.ofFloats(values, rows, columns);
  }

  /** A random number with an approximately normal distribution: a sum of uniform numbers. */
  public static float noise(SplittableRandom random) {
    long bits = random.nextLong();
    int sum = 0;
    for (int i = 0; i < Long.SIZE; i += Short.SIZE) {
      sum += (short) (bits >> i);
    }
    return sum * (DEVIATION / 37837);
  }
}
