package dev.panaformer.cli.verify;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.text.EncoderConfig;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.text.TextEncoder;
import dev.panaformer.model.vision.VisionConfig;
import dev.panaformer.nn.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** A checkpoint with inputs, and every output that the reference has. */
record ModelCase(String name, Path folder) implements GoldenCase {
  /** For outputs that meta.json does not name; the smallest that any output has. */
  private static final double DEFAULT_TOLERANCE = 1e-5;

  /** An output without padding, as the model traces it: {@code [tokens or sequences, …]}. */
  record Output(long[] shape, float[] values) {}

  @Override
  public void run(Backends backends, Report report) {
    Path metaFile = folder.resolve("meta.json");
    ConfigJson meta =
        Files.exists(metaFile) ? ConfigJson.read(metaFile) : ConfigJson.of(metaFile, Map.of());
    if (meta.has("objective")) {
      throw new UnsupportedCaseException("training");
    }
    ModelFolder model = ModelFolder.open(folder);
    switch (ModelConfig.of(asReferenced(model.config(), meta))) {
      case EncoderConfig config -> run(model, config, meta, backends, report);
      case CausalConfig config ->
          new DecoderCase(folder, model, config, meta).run(backends, report);
      case Seq2SeqConfig config ->
          new Seq2SeqCase(folder, model, config, meta).run(backends, report);
      case VisionConfig config -> new ImageCase(folder, model, config, meta).run(backends, report);
    }
  }

  private void run(
      ModelFolder model, EncoderConfig config, ConfigJson meta, Backends backends, Report report) {
    requireNoOptions(meta);
    EncoderInputs inputs = EncoderInputs.read(folder.resolve("inputs.safetensors"));
    try (SafetensorsCheckpoint reference =
            SafetensorsCheckpoint.open(folder.resolve("outputs.safetensors"));
        Arena arena = Arena.ofConfined()) {
      Map<String, Output> outputs = compute(backends, model, config, inputs);
      for (String output : reference.names()) {
        Tensor expected = reference.tensor(output, arena);
        report.add(
            compare(
                output, expected, outputs.get(output), inputs.padded(), tolerance(meta, output)));
      }
    }
  }

  /**
   * The configuration with the class that the reference ran, which may be another one than the
   * class that saved the checkpoint.
   */
  static ConfigJson asReferenced(ConfigJson config, ConfigJson meta) {
    if (!meta.has("reference")) {
      return config;
    }
    String reference = meta.requireString("reference");
    if (reference.contains(" ")) {
      return config; // no class, but where a formula stands
    }
    return config.with(
        "architectures", List.of(reference.substring(reference.lastIndexOf('.') + 1)));
  }

  static void requireNoOptions(ConfigJson meta) {
    if (meta.has("options")) {
      for (String option : meta.object("options").fields()) {
        throw new UnsupportedCaseException("option " + option);
      }
    }
  }

  static double tolerance(ConfigJson meta, String output) {
    String errors = "reference_error_float32";
    return meta.has(errors) && meta.object(errors).has(output)
        ? meta.object(errors)
            .object(output)
            .optionalDouble("tolerance_rel_l2", DEFAULT_TOLERANCE, 0, 1)
        : DEFAULT_TOLERANCE;
  }

  private static Map<String, Output> compute(
      Backends backends, ModelFolder folder, EncoderConfig config, EncoderInputs inputs) {
    Map<String, Output> outputs = new HashMap<>();
    try (NativeMemory memory = backends.kernels().memory().allocator(new NativeMemory());
        Checkpoint checkpoint = folder.openWeights();
        Weights weights =
            new Weights(
                checkpoint,
                backends.kernels(),
                memory,
                config.weightNames(),
                backends.options().compute().precision().weightFormat());
        Workspace workspace = new Workspace(backends.kernels().memory())) {
      TextEncoder task = config.load(weights);
      inputs.appendTo(workspace.batch(), task);
      if (workspace.batch().sequences() == 0) {
        throw new UnsupportedCaseException("padding alone");
      }
      task.forward(
          workspace.batch(),
          workspace,
          (name, values, shape) ->
              outputs.put(
                  name, new Output(shape, read(backends.kernels(), values, shape, workspace))));
    }
    return outputs;
  }

  /** Copies a tensor to the heap, from host or device memory. */
  static float[] read(Kernels kernels, MemorySegment tensor, long[] shape, Workspace workspace) {
    float[] copy = new float[Math.toIntExact(Tensor.elements(shape))];
    MemorySegment values = kernels.memory().onHost(tensor, copy.length, workspace);
    MemorySegment.copy(values, JAVA_FLOAT, 0, copy, 0, copy.length);
    return copy;
  }

  static Comparison compare(
      String name, Tensor expected, Output ours, ModelInputs inputs, double tolerance) {
    if (ours == null) {
      return Comparison.missing(name, expected.shapeString(), "not produced");
    }
    boolean perToken = expected.rank() == ours.shape.length + 1;
    // BigBird's reference pads to whole blocks, and its hidden states keep what that adds.
    int length = perToken ? Math.max(inputs.length(), (int) expected.shape()[1]) : inputs.length();
    long[] padded = paddedShape(ours.shape, perToken, inputs.sequences(), length);
    if (!Tensor.format(padded).equals(expected.shapeString())) {
      return Comparison.missing(
          name,
          expected.shapeString(),
          "ours is " + Tensor.format(padded),
          Tensor.ofFloats(ours.values, ours.shape));
    }
    int rows = inputs.sequences() * (perToken ? length : 1);
    boolean[] computed = new boolean[rows];
    boolean[] compared = new boolean[rows];
    for (int row = 0; row < rows; row++) {
      int sequence = perToken ? row / length : row;
      int token = row % length;
      computed[row] =
          perToken
              ? token < inputs.length() && inputs.isToken(sequence, token)
              : inputs.hasTokens(sequence);
      // The reference takes the result of a sequence from position 0, even if that is padding.
      compared[row] = computed[row] && (perToken || inputs.isToken(sequence, 0));
    }
    int width = Math.toIntExact(expected.elements() / rows);
    Comparison comparison =
        Comparison.of(
            name,
            expected.shape(),
            spread(ours.values, computed, width),
            expected.toFloats(),
            i -> compared[i / width],
            tolerance);
    long left = IntStream.range(0, rows).filter(row -> !compared[row]).count();
    return perToken || left == 0
        ? comparison
        : comparison.withNote(left + " sequences begin with padding and are not compared");
  }

  private static long[] paddedShape(long[] shape, boolean perToken, int sequences, int length) {
    LongStream rows = perToken ? LongStream.of(sequences, length) : LongStream.of(sequences);
    return LongStream.concat(rows, LongStream.of(shape).skip(1)).toArray();
  }

  /** Moves rows that were computed without padding to their positions among padded rows. */
  private static float[] spread(float[] values, boolean[] computed, int width) {
    float[] padded = new float[computed.length * width];
    int next = 0;
    for (int row = 0; row < computed.length; row++) {
      if (computed[row]) {
        System.arraycopy(values, next, padded, row * width, width);
        next += width;
      }
    }
    return padded;
  }
}
