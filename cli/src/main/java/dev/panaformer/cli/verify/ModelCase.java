package dev.panaformer.cli.verify;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.cli.verify.TracedModel.Output;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.text.EncoderConfig;
import dev.panaformer.model.text.TextEncoder;
import dev.panaformer.model.vision.VisionConfig;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * A case of a model: a checkpoint, inputs, and the outputs of the reference. Encoders of texts are
 * run here, other kinds of models in a class of their own.
 */
record ModelCase(String name, Path folder) implements GoldenCase {
  /**
   * The tolerance of outputs that meta.json does not name. It is the smallest tolerance of all
   * cases.
   */
  private static final double DEFAULT_TOLERANCE = 1e-5;

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
   * The configuration with the class that the reference ran as {@code architectures}. It may differ
   * from the class that saved the checkpoint.
   */
  static ConfigJson asReferenced(ConfigJson config, ConfigJson meta) {
    if (!meta.has("reference")) {
      return config;
    }
    String reference = meta.requireString("reference");
    if (reference.contains(" ")) {
      return config; // the source of a formula, not a class
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
    return TracedModel.outputs(
        backends,
        folder,
        config,
        model -> {
          TextEncoder encoder = config.load(model.weights());
          TokenBatch batch = model.workspace().batch();
          inputs.appendTo(batch, encoder);
          if (batch.sequences() == 0) {
            throw new UnsupportedCaseException("padding alone");
          }
          encoder.forward(batch, model.workspace(), model.trace());
        });
  }

  static Comparison compare(
      String name, Tensor expected, Output ours, ModelInputs inputs, double tolerance) {
    if (ours == null) {
      return Comparison.missing(name, expected.shapeString(), "not produced");
    }
    boolean perToken = expected.rank() == ours.shape().length + 1;
    // The reference of BigBird pads to whole blocks, and its hidden states include that padding.
    int length = perToken ? Math.max(inputs.length(), (int) expected.shape()[1]) : inputs.length();
    long[] padded = paddedShape(ours.shape(), perToken, inputs.sequences(), length);
    if (!Tensor.format(padded).equals(expected.shapeString())) {
      return Comparison.missing(
          name,
          expected.shapeString(),
          "ours is " + Tensor.format(padded),
          Tensor.ofFloats(ours.values(), ours.shape()));
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
            spread(ours.values(), computed, width),
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
