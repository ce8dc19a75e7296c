package dev.panaformer.model.text;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.Backend;
import dev.panaformer.BackendException;
import dev.panaformer.ComputeOptions;
import dev.panaformer.ModelOptions;
import dev.panaformer.TextEmbedder;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests of Linformer and Performer beyond the golden cases. */
class PreNormEncoderTest {
  private static final List<String> WORDS =
      List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "love", "you");
  private static final int HIDDEN = 12;
  private static final int POSITIONS = 20;

  @TempDir Path folder;
  private final Kernels kernels = new JavaKernels();
  private final NativeMemory memory = new NativeMemory();
  private final Workspace workspace = new Workspace();
  private final Random random = new Random(9);
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  @AfterEach
  void close() {
    workspace.close();
    memory.close();
    kernels.close();
  }

  private static JsonObject linformer() {
    return json(
        """
        "model_type": "linformer", "projection_length": 5, "share_key_value_projection": false
        """);
  }

  private static JsonObject performer() {
    return json(
        """
        "model_type": "performer", "kernel": "softmax", "causal": false, "num_random_features": 9
        """);
  }

  private static JsonObject json(String fields) {
    return JsonParser.parseString(
            """
            {%s, "vocab_size": 10, "hidden_size": 12, "num_attention_heads": 3,
             "num_hidden_layers": 2, "intermediate_size": 20, "max_position_embeddings": 20}
            """
                .formatted(fields))
        .getAsJsonObject();
  }

  private static EncoderConfig config(JsonObject json) {
    return EncoderConfig.of(ConfigJson.parse(Path.of("config.json"), json.toString()));
  }

  private void tensor(String name, long... shape) {
    float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() / 3;
    }
    tensors.put(name, Tensor.ofFloats(values, shape));
  }

  private void linear(String name, int out, int in) {
    tensor(name + ".weight", out, in);
    tensor(name + ".bias", out);
  }

  /** Adds the weights that do not depend on the kind of attention. */
  private void commonTensors() {
    tensor("embeddings.word_embeddings.weight", WORDS.size(), HIDDEN);
    tensor("embeddings.position_embeddings.weight", POSITIONS, HIDDEN);
    for (int i = 0; i < 2; i++) {
      String layer = "layers." + i + ".";
      for (String name : List.of("query", "key", "value", "output")) {
        linear(layer + "attention." + name, HIDDEN, HIDDEN);
      }
      linear(layer + "intermediate", 20, HIDDEN);
      linear(layer + "output", HIDDEN, 20);
      for (String name : List.of("attention_layer_norm", "ffn_layer_norm")) {
        tensor(layer + name + ".weight", HIDDEN);
        tensor(layer + name + ".bias", HIDDEN);
      }
    }
    tensor("final_layer_norm.weight", HIDDEN);
    tensor("final_layer_norm.bias", HIDDEN);
  }

  private void projections(String name) {
    for (int i = 0; i < 2; i++) {
      tensor("layers." + i + ".attention." + name + "_projection.weight", 5, POSITIONS);
    }
  }

  private Path write(JsonObject config) {
    try {
      Files.writeString(folder.resolve("config.json"), config.toString());
      Files.write(folder.resolve("vocab.txt"), WORDS);
      SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return folder;
  }

  private TextEncoder load(JsonObject json) {
    ModelFolder written = ModelFolder.open(write(json));
    EncoderConfig config = EncoderConfig.of(written.config());
    try (Checkpoint checkpoint = written.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      return config.load(weights);
    }
  }

  private float[] forward(TextEncoder encoder, int... ids) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    encoder.append(batch, ids, null, null);
    MemorySegment x = encoder.forward(batch, workspace, Trace.NONE);
    return x.asSlice(0, (long) batch.tokens() * HIDDEN * Float.BYTES).toArray(JAVA_FLOAT);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "linformer | projection_length | 0 | config.json: projection_length is 0, expected an"
            + " integer from 1 to 1048576",
        "linformer | share_key_value_projection | 1 | config.json: share_key_value_projection is"
            + " 1, expected true or false",
        "linformer | kernel | \"relu\" | config.json: kernel is \"relu\", expected no such field,"
            + " which this model does not know",
        "linformer | num_attention_heads | 5 | config.json: num_attention_heads is 5, expected a"
            + " divisor of the hidden size 12 that leaves at most 256 features a head",
        "performer | kernel | \"elu\" | config.json: kernel is \"elu\", expected \"softmax\" or"
            + " \"relu\"",
        "performer | num_random_features | -3 | config.json: num_random_features is -3, expected"
            + " an integer from 1 to 1048576",
        "performer | hidden_act | \"mish\" | config.json: hidden_act is \"mish\", expected one of",
        "performer | redraw_interval | 100 | config.json: redraw_interval is 100, expected no such"
            + " field, which this model does not know"
      })
  void aBadFieldIsNamed(String type, String field, String value, String message) {
    JsonObject json = type.equals("linformer") ? linformer() : performer();
    json.add(field, JsonParser.parseString(value));
    String actual = assertThrows(CheckpointException.class, () -> config(json)).getMessage();
    assertTrue(actual.startsWith(message), actual);
  }

  @Test
  void whatTheFileLeavesOutIsAsThePaperHasIt() {
    JsonObject json = performer();
    json.remove("causal");
    PerformerConfig config = (PerformerConfig) config(json);
    assertFalse(config.causal());
    assertEquals(1e-5f, config.shape().layerNormEps());
    assertEquals(20, config.maxTokens());
  }

  @Test
  void aSharedProjectionThatIsNotIsRefused() {
    commonTensors();
    projections("key");
    projections("value");
    JsonObject json = linformer();
    json.addProperty("share_key_value_projection", true);
    String message = assertThrows(CheckpointException.class, () -> load(json)).getMessage();
    assertEquals(
        "config.json: share_key_value_projection is true, but layer 0 has a tensor"
            + " attention.value_projection.weight",
        message);
  }

  @Test
  void aMissingProjectionIsNamed() {
    commonTensors();
    projections("key");
    String message = assertThrows(CheckpointException.class, () -> load(linformer())).getMessage();
    assertTrue(
        message.contains("no tensor layers.0.attention.value_projection.weight, expected floats"),
        message);
  }

  @Test
  void sequencesAreChecked() {
    commonTensors();
    projections("key");
    projections("value");
    TextEncoder encoder = load(linformer());
    assertThrows(IllegalArgumentException.class, () -> forward(encoder));
    assertThrows(IllegalArgumentException.class, () -> forward(encoder, new int[POSITIONS + 1]));
    assertThrows(IndexOutOfBoundsException.class, () -> forward(encoder, 3, 10));
    assertThrows(UnsupportedOperationException.class, () -> encoder.redrawFeatures(1));
  }

  @Test
  void featuresThatTheCheckpointLacksAreDrawn() {
    commonTensors();
    TextEncoder encoder = load(performer());
    float[] first = forward(encoder, 2, 5, 6, 7, 3);
    encoder.redrawFeatures(7);
    float[] other = forward(encoder, 2, 5, 6, 7, 3);
    assertFalse(Arrays.equals(first, other));
    // Both are estimates of the same softmax attention.
    for (int i = 0; i < first.length; i++) {
      assertEquals(first[i], other[i], 1);
    }
    encoder.redrawFeatures(0);
    assertArrayEquals(first, forward(encoder, 2, 5, 6, 7, 3));
  }

  @ParameterizedTest
  @EnumSource(names = {"AUTO", "JAVA", "CUDA", "CUDA_EMULATED"})
  void textsAreEmbedded(Backend backend) {
    try {
      ComputeOptions.DEFAULT.withBackend(backend).openKernels().close();
    } catch (BackendException | UnsupportedOperationException e) {
      abort(e.getMessage());
    }
    commonTensors();
    Path model = write(performer());
    try (TextEmbedder embedder =
            TextEmbedder.load(model, ModelOptions.DEFAULT.withBackend(backend));
        TextEmbedder java =
            TextEmbedder.load(model, ModelOptions.DEFAULT.withBackend(Backend.JAVA))) {
      assertEquals(HIDDEN, embedder.dimension());
      assertEquals(POSITIONS, embedder.maxTokens());
      float[] vector = embedder.embed("I love you");
      assertArrayEquals(java.embed("I love you"), vector, 1e-5f);
      embedder.redrawFeatures(3);
      assertFalse(Arrays.equals(vector, embedder.embed("I love you")));
      embedder.redrawFeatures(0);
      assertArrayEquals(vector, embedder.embed("I love you"));
    }
  }
}
