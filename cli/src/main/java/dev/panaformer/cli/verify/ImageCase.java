package dev.panaformer.cli.verify;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.cli.verify.TracedModel.Output;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.VisionConfig;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.LongStream;

/** A case of a model of images. It compares every output of the reference. */
record ImageCase(Path folder, ModelFolder model, VisionConfig config, ConfigJson meta) {
  private static final String PIXELS = "pixel_values";
  private static final String INTERPOLATE = "interpolate_pos_encoding";

  void run(Backends backends, Report report) {
    boolean interpolate = interpolatesPositions();
    try (SafetensorsCheckpoint inputs =
            SafetensorsCheckpoint.open(folder.resolve("inputs.safetensors"));
        SafetensorsCheckpoint reference =
            SafetensorsCheckpoint.open(folder.resolve("outputs.safetensors"));
        Arena arena = Arena.ofConfined()) {
      Map<String, Output> outputs = compute(backends, pixels(inputs, arena), interpolate);
      for (String name : reference.names()) {
        Tensor expected = reference.tensor(name, arena);
        Output ours = outputs.get(name);
        report.add(
            ours == null
                ? Comparison.missing(name, expected.shapeString(), "not produced")
                : compare(name, expected, ours));
      }
    }
  }

  private boolean interpolatesPositions() {
    if (!meta.has("options")) {
      return false;
    }
    ConfigJson options = meta.object("options");
    for (String option : options.fields()) {
      if (!option.equals(INTERPOLATE)) {
        throw new UnsupportedCaseException("option " + option);
      }
    }
    return options.optionalBoolean(INTERPOLATE, false);
  }

  private static Tensor pixels(SafetensorsCheckpoint inputs, Arena arena) {
    for (String name : inputs.names()) {
      if (!name.equals(PIXELS)) {
        throw new UnsupportedCaseException("input " + name);
      }
    }
    if (inputs.names().isEmpty()) {
      throw new CheckpointException(inputs.source() + ": no tensor " + PIXELS);
    }
    Tensor pixels = inputs.tensor(PIXELS, arena);
    boolean floats = pixels.dtype() != DType.I64 && pixels.dtype() != DType.I32;
    if (!floats || pixels.rank() != 4 || pixels.elements() == 0) {
      throw new CheckpointException(
          String.format(
              "%s: %s is %s, expected floats [images, channels, height, width]",
              inputs.source(), PIXELS, pixels));
    }
    return pixels;
  }

  private Map<String, Output> compute(Backends backends, Tensor pixels, boolean interpolate) {
    int[] shape = LongStream.of(pixels.shape()).mapToInt(Math::toIntExact).toArray();
    return TracedModel.outputs(
        backends,
        model,
        config,
        traced -> {
          MemorySegment placed =
              backends.kernels().memory().place(traced.memory(), pixels::toFloat32);
          config
              .load(traced.weights())
              .forward(
                  new Images(placed, shape[0], shape[1], shape[2], shape[3]),
                  interpolate,
                  traced.workspace(),
                  traced.trace());
        });
  }

  private Comparison compare(String name, Tensor expected, Output ours) {
    if (!Tensor.format(ours.shape()).equals(expected.shapeString())) {
      return Comparison.missing(
          name,
          expected.shapeString(),
          "ours is " + Tensor.format(ours.shape()),
          Tensor.ofFloats(ours.values(), ours.shape()));
    }
    return Comparison.of(
        name,
        expected.shape(),
        ours.values(),
        expected.toFloats(),
        i -> true,
        ModelCase.tolerance(meta, name));
  }
}
