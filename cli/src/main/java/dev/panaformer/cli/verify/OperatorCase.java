package dev.panaformer.cli.verify;

import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.Activation;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** One call of one operator, in one safetensors file. */
record OperatorCase(String name, Path file) implements GoldenCase {
  /** Operator files carry no tolerance of their own; the least that any case is given. */
  private static final double TOLERANCE_REL_L2 = 1e-5;

  @Override
  public void run(Backends backends, Report report) throws IOException {
    try (SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofShared();
        Workspace workspace = new Workspace(backends.kernels());
        Operands operands = new Operands(checkpoint, arena, backends.kernels())) {
      Map<String, MemorySegment> outputs = compute(operands, backends.kernels(), workspace);
      for (String output : operands.outputs()) {
        report.add(compare(operands, output, outputs.get(output), workspace));
      }
    }
  }

  private static Comparison compare(
      Operands operands, String output, MemorySegment ours, Workspace workspace) {
    long[] shape = operands.shape(output);
    if (ours == null) {
      return Comparison.missing(output, Tensor.format(shape), "not produced");
    }
    float[] values = operands.read(ours, workspace);
    return Comparison.of(
        output, shape, values, operands.output(output), i -> true, TOLERANCE_REL_L2);
  }

  private static Map<String, MemorySegment> compute(
      Operands operands, Kernels kernels, Workspace workspace) {
    return switch (operands.operator()) {
      case "linear" -> linear(operands, kernels);
      case "ffn" -> feedForward(operands, kernels, workspace);
      case "attention" -> new AttentionCall(operands, kernels, workspace).run();
      case "layer_norm", "add_layer_norm" -> layerNorm(operands, kernels);
      case "rms_norm", "add_rms_norm" -> rmsNorm(operands, kernels);
      case "softmax" -> softmax(operands, kernels);
      case "gelu", "gelu_tanh", "quick_gelu", "relu", "silu", "tanh" -> activate(operands, kernels);
      default -> throw new UnsupportedCaseException("operator " + operands.operator());
    };
  }

  private static Map<String, MemorySegment> linear(Operands operands, Kernels kernels) {
    long[] shape = operands.shape("x");
    long in = operands.size("x", -1);
    long out = operands.size("weight", 0);
    long tokens = rows(shape);
    MemorySegment x = operands.floats("x", shape);
    MemorySegment weight = operands.floats("weight", out, in);
    MemorySegment bias = operands.optionalFloats("bias", out);
    MemorySegment residual = operands.optionalFloats("residual", with(shape, out));
    operands.expect("weight_layout", "[out, in]");
    Activation activation = operands.activation();
    operands.requireAllRead();

    PackedWeight packed = kernels.pack("weight", weight, out, in, operands.allocator());
    MemorySegment y = operands.allocateFloats(tokens * out);
    kernels.linear(x, packed, bias, MemorySegment.NULL, y, tokens, activation);
    Map<String, MemorySegment> outputs = new LinkedHashMap<>(Map.of("y", y));
    if (!residual.equals(MemorySegment.NULL)) {
      MemorySegment sum = operands.allocateFloats(tokens * out);
      kernels.linear(x, packed, bias, residual, sum, tokens, activation);
      outputs.put("y_plus_residual", sum);
    }
    return outputs;
  }

  private static Map<String, MemorySegment> feedForward(
      Operands operands, Kernels kernels, Workspace workspace) {
    long[] shape = operands.shape("x");
    long hidden = operands.size("x", -1);
    long intermediate = operands.size("w1", 0);
    long tokens = rows(shape);
    MemorySegment x = operands.floats("x", shape);
    MemorySegment up = operands.floats("w1", intermediate, hidden);
    MemorySegment upBias = operands.optionalFloats("b1", intermediate);
    MemorySegment down = operands.floats("w2", hidden, intermediate);
    MemorySegment downBias = operands.optionalFloats("b2", hidden);
    Activation activation = operands.activation();
    operands.requireAllRead();

    PackedWeight packedUp = kernels.pack("w1", up, intermediate, hidden, operands.allocator());
    PackedWeight packedDown = kernels.pack("w2", down, hidden, intermediate, operands.allocator());
    Map<String, MemorySegment> outputs = new LinkedHashMap<>();
    outputs.put("y", MemorySegment.NULL);
    outputs.put("y_plus_residual", x);
    outputs.replaceAll((name, residual) -> {
      MemorySegment y = operands.allocateFloats(tokens * hidden);
      kernels.feedForward(
          x, packedUp, upBias, packedDown, downBias, activation, residual, y, tokens, workspace);
      return y;
    });
    return outputs;
  }

  private static Map<String, MemorySegment> layerNorm(Operands operands, Kernels kernels) {
    long[] shape = operands.shape("x");
    long hidden = operands.size("x", -1);
    MemorySegment x = operands.floats("x", shape);
    MemorySegment residual = operands.optionalFloats("residual", shape);
    MemorySegment weight = operands.floats("weight", hidden);
    MemorySegment bias = operands.optionalFloats("bias", hidden);
    float eps = (float) operands.number("eps");
    operands.requireAllRead();

    MemorySegment y = operands.allocateFloats(Tensor.elements(shape));
    kernels.layerNorm(x, residual, weight, bias, y, rows(shape), hidden, eps);
    return Map.of("y", y);
  }

  private static Map<String, MemorySegment> rmsNorm(Operands operands, Kernels kernels) {
    long[] shape = operands.shape("x");
    long hidden = operands.size("x", -1);
    MemorySegment x = operands.floats("x", shape);
    MemorySegment residual = operands.optionalFloats("residual", shape);
    MemorySegment weight = operands.floats("weight", hidden);
    float eps = (float) operands.number("eps");
    operands.requireAllRead();

    MemorySegment y = operands.allocateFloats(Tensor.elements(shape));
    kernels.rmsNorm(x, residual, weight, y, rows(shape), hidden, eps);
    return Map.of("y", y);
  }

  private static Map<String, MemorySegment> softmax(Operands operands, Kernels kernels) {
    long[] shape = operands.shape("x");
    MemorySegment x = operands.floats("x", shape);
    operands.requireAllRead();

    MemorySegment y = operands.allocateFloats(Tensor.elements(shape));
    kernels.softmax(x, y, rows(shape), operands.size("x", -1));
    return Map.of("y", y);
  }

  private static Map<String, MemorySegment> activate(Operands operands, Kernels kernels) {
    long[] shape = operands.shape("x");
    MemorySegment x = operands.floats("x", shape);
    Activation activation = Operands.activation(operands.operator());
    operands.requireAllRead();

    long count = Tensor.elements(shape);
    MemorySegment y = operands.allocateFloats(count);
    kernels.activate(x, y, count, activation);
    return Map.of("y", y);
  }

  /** The product of all dimensions but the last. */
  private static long rows(long[] shape) {
    return Tensor.elements(java.util.Arrays.copyOf(shape, shape.length - 1));
  }

  private static long[] with(long[] shape, long last) {
    long[] changed = shape.clone();
    changed[changed.length - 1] = last;
    return changed;
  }
}
