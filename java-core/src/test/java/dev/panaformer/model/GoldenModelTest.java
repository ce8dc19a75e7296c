package dev.panaformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.GoldenCases;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every intermediate result against the reference's float64 run. */
class GoldenModelTest {
  /** The repository carries only some of them. */
  private static final List<String> CASES =
      List.of(
          "bert-model",
          "bert-masked-lm",
          "bert-sequence-classification",
          "bert-token-classification",
          "bert-question-answering",
          "roberta-model",
          "distilbert-model",
          "albert-model",
          "albert-masked-lm",
          "albert-small",
          "bigbird-full",
          "bigbird-block-sparse",
          "bigbird-block-sparse-random",
          "bigbird-small",
          "longformer-model",
          "longformer-small",
          "linformer-shared-projection",
          "linformer-separate-projections",
          "performer-softmax",
          "performer-softmax-causal",
          "performer-relu",
          "performer-relu-causal",
          "linformer-small",
          "performer-softmax-small",
          "performer-relu-small");

  static Stream<Arguments> casesAndKernels() {
    return CASES.stream()
        .filter(name -> Files.isDirectory(GoldenCases.folder(name)))
        .flatMap(name -> TestKernels.all().stream().map(kernels -> Arguments.of(name, kernels)));
  }

  @ParameterizedTest
  @MethodSource("casesAndKernels")
  void everyNamedResultIsTheReferences(String name, Supplier<Kernels> backend) {
    Path folder = GoldenCases.folder(name);
    Map<String, float[]> results = new HashMap<>();
    try (Arena arena = Arena.ofConfined();
        Checkpoint inputs = SafetensorsCheckpoint.open(folder.resolve("inputs.safetensors"));
        Checkpoint outputs = SafetensorsCheckpoint.open(folder.resolve("outputs.safetensors"))) {
      int[][] mask = rows(inputs, "attention_mask", arena);
      run(folder, backend, inputs, mask, results, arena);
      ConfigJson errors = ConfigJson.read(folder.resolve("meta.json"));
      for (String output : outputs.names()) {
        Tensor expected = outputs.tensor(output, arena);
        double tolerance =
            errors
                .object("reference_error_float32")
                .object(output)
                .requireDouble("tolerance_rel_l2", 0, 1);
        assertTrue(results.containsKey(output), () -> output + " is not computed");
        double error = relativeL2(results.get(output), unpadded(expected, mask));
        assertTrue(error <= tolerance, () -> output + ": " + error + " > " + tolerance);
      }
    }
  }

  private static void run(
      Path folder,
      Supplier<Kernels> backend,
      Checkpoint inputs,
      int[][] mask,
      Map<String, float[]> results,
      Arena arena) {
    EncoderConfig config = EncoderConfig.of(ConfigJson.read(folder.resolve("config.json")));
    int[][] ids = rows(inputs, "input_ids", arena);
    int[][] types = rows(inputs, "token_type_ids", arena);
    try (Kernels kernels = backend.get();
        NativeMemory memory = new NativeMemory();
        Checkpoint checkpoint = SafetensorsCheckpoint.open(folder.resolve("model.safetensors"));
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames());
        Workspace workspace = new Workspace()) {
      TextEncoder model = config.task(weights);
      TokenBatch batch = workspace.batch();
      int[][] globals = rows(inputs, "global_attention_mask", arena);
      int[][][][] blocks = randomBlocks(inputs, arena);
      for (int s = 0; s < ids.length; s++) {
        model.append(
            batch,
            new Sequence(
                ids[s],
                types == null ? null : types[s],
                mask[s],
                null,
                globals == null ? null : globals[s],
                blocks));
      }
      model.forward(
          batch,
          workspace,
          (name, values, shape) -> {
            float[] copy = new float[Math.toIntExact(Tensor.elements(shape))];
            MemorySegment.copy(values, ValueLayout.JAVA_FLOAT, 0, copy, 0, copy.length);
            results.put(name, copy);
          });
    }
  }

  /** Those of each layer, or null if there are none. */
  static int[][][][] randomBlocks(Checkpoint inputs, Arena arena) {
    List<int[][][]> layers = new ArrayList<>();
    for (int i = 0; inputs.names().contains("random_blocks." + i); i++) {
      Tensor tensor = inputs.tensor("random_blocks." + i, arena);
      int rows = (int) tensor.shape()[1];
      int count = (int) tensor.shape()[2];
      long[] values = tensor.toLongs();
      int[][][] heads = new int[(int) tensor.shape()[0]][rows][count];
      for (int at = 0; at < values.length; at++) {
        heads[at / count / rows][at / count % rows][at % count] = (int) values[at];
      }
      layers.add(heads);
    }
    return layers.isEmpty() ? null : layers.toArray(int[][][][]::new);
  }

  /** The rows of an integer matrix, or null if there is none. */
  static int[][] rows(Checkpoint inputs, String name, Arena arena) {
    if (!inputs.names().contains(name)) {
      return null;
    }
    Tensor tensor = inputs.tensor(name, arena);
    int columns = (int) tensor.shape()[1];
    int[] values = Arrays.stream(tensor.toLongs()).mapToInt(Math::toIntExact).toArray();
    int[][] rows = new int[(int) tensor.shape()[0]][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOfRange(values, i * columns, (i + 1) * columns);
    }
    return rows;
  }

  /** What is expected at the tokens that are not masked, or for each sequence. */
  private static float[] unpadded(Tensor expected, int[][] mask) {
    float[] values = expected.toFloats();
    boolean perToken = expected.rank() > 1 && expected.shape()[1] == mask[0].length;
    if (!perToken) {
      return values;
    }
    int width = values.length / (mask.length * mask[0].length);
    float[] kept = new float[values.length];
    int length = 0;
    for (int s = 0; s < mask.length; s++) {
      for (int t = 0; t < mask[s].length; t++) {
        if (mask[s][t] != 0) {
          System.arraycopy(values, (s * mask[s].length + t) * width, kept, length, width);
          length += width;
        }
      }
    }
    return Arrays.copyOf(kept, length);
  }

  private static double relativeL2(float[] actual, float[] expected) {
    assertEquals(expected.length, actual.length);
    double difference = 0;
    double norm = 0;
    for (int i = 0; i < actual.length; i++) {
      difference += Math.pow((double) actual[i] - expected[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / norm);
  }
}
