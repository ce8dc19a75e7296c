package dev.panaformer.cli.verify;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.NativeMemory;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.model.BertConfig;
import dev.panaformer.model.BertTask;
import dev.panaformer.nn.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** A checkpoint with its inputs and every output that the reference names. */
record ModelCase(String name, Path folder) implements GoldenCase {
  private static final Set<String> MODEL_TYPES =
      Set.of("bert", "roberta", "xlm-roberta", "camembert", "distilbert");
  private static final Set<String> INPUTS = Set.of("input_ids", "attention_mask", "token_type_ids");

  @Override
  public void run(Backends backends, Report report) {
    ConfigJson json = ConfigJson.read(folder.resolve("config.json"));
    ConfigJson meta = ConfigJson.read(folder.resolve("meta.json"));
    String type = json.optionalString("model_type", meta.optionalString("family", "?"));
    if (!MODEL_TYPES.contains(type)) {
      throw new UnsupportedCaseException("model_type " + type);
    }
    try (Arena arena = Arena.ofConfined();
        Checkpoint inputs = SafetensorsCheckpoint.open(folder.resolve("inputs.safetensors"));
        Checkpoint outputs = SafetensorsCheckpoint.open(folder.resolve("outputs.safetensors"))) {
      for (String input : inputs.names()) {
        if (!INPUTS.contains(input)) {
          throw new UnsupportedCaseException("input " + input);
        }
      }
      int[][] ids = rows(inputs, "input_ids", arena);
      if (ids == null) {
        throw new CheckpointException(inputs.source() + ": no tensor input_ids");
      }
      int[][] mask = rows(inputs, "attention_mask", arena);
      int[][] types = rows(inputs, "token_type_ids", arena);
      Map<String, float[]> results = compute(backends, json, ids, types, mask);
      for (String output : outputs.names()) {
        Tensor expected = outputs.tensor(output, arena);
        report.add(compare(output, expected, results.get(output), ids, mask, meta));
      }
    }
  }

  private Map<String, float[]> compute(
      Backends backends, ConfigJson json, int[][] ids, int[][] types, int[][] mask) {
    Map<String, float[]> results = new HashMap<>();
    BertConfig config = BertConfig.of(json);
    try (NativeMemory memory = new NativeMemory();
        Checkpoint checkpoint = SafetensorsCheckpoint.open(folder.resolve("model.safetensors"));
        Weights weights =
            new Weights(checkpoint, backends.kernels(), memory, config.family().weightNames());
        Workspace workspace = new Workspace()) {
      BertTask model = BertTask.load(weights, config);
      TokenBatch batch = workspace.batch();
      for (int s = 0; s < ids.length; s++) {
        model
            .bert()
            .append(batch, ids[s], types == null ? null : types[s], mask == null ? null : mask[s]);
      }
      model.forward(
          batch,
          workspace,
          (name, values, shape) -> {
            float[] copy = new float[Math.toIntExact(Tensor.elements(shape))];
            MemorySegment.copy(values, JAVA_FLOAT, 0, copy, 0, copy.length);
            results.put(name, copy);
          });
    }
    return results;
  }

  private static Comparison compare(
      String output, Tensor expected, float[] ours, int[][] ids, int[][] mask, ConfigJson meta) {
    long[] shape = expected.shape();
    if (ours == null) {
      return Comparison.missing(output, Tensor.format(shape), "not produced");
    }
    double tolerance =
        meta.object("reference_error_float32")
            .object(output)
            .requireDouble("tolerance_rel_l2", 0, 1);
    float[] reference = expected.toFloats();
    int sequences = ids.length;
    int length = ids[0].length;
    int kept = 0;
    for (int s = 0; s < sequences; s++) {
      for (int t = 0; t < length; t++) {
        kept += mask == null || mask[s][t] != 0 ? 1 : 0;
      }
    }
    boolean perToken = shape.length >= 2 && shape[0] == sequences && shape[1] == length;
    int width = perToken ? reference.length / (sequences * length) : 0;
    if (!perToken || ours.length != kept * width) {
      return ours.length == reference.length
          ? Comparison.of(output, shape, ours, reference, i -> true, tolerance)
          : Comparison.missing(
              output, Tensor.format(shape), "has " + ours.length + " elements instead");
    }
    // Ours has no padding: spread it out, and compare where a token is.
    float[] padded = new float[reference.length];
    boolean[] present = new boolean[sequences * length];
    int next = 0;
    for (int s = 0; s < sequences; s++) {
      for (int t = 0; t < length; t++) {
        if (mask == null || mask[s][t] != 0) {
          present[s * length + t] = true;
          System.arraycopy(ours, next, padded, (s * length + t) * width, width);
          next += width;
        }
      }
    }
    return Comparison.of(output, shape, padded, reference, i -> present[i / width], tolerance);
  }

  /** The rows of an integer matrix, or null if there is none. */
  private static int[][] rows(Checkpoint inputs, String name, Arena arena) {
    if (!inputs.names().contains(name)) {
      return null;
    }
    Tensor tensor = inputs.tensor(name, arena);
    long[] shape = tensor.shape();
    if (shape.length != 2 || shape[0] < 1 || shape[1] < 1) {
      throw new CheckpointException(
          inputs.source()
              + ": tensor "
              + name
              + " is "
              + tensor
              + ", expected [sequences, tokens]");
    }
    long[] values = tensor.toLongs();
    int[][] rows = new int[(int) shape[0]][(int) shape[1]];
    for (int i = 0; i < values.length; i++) {
      rows[i / (int) shape[1]][i % (int) shape[1]] = Math.toIntExact(values[i]);
    }
    return rows;
  }
}
