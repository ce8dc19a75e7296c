package dev.panaformer.cli.verify;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.RotaryTables;
import dev.panaformer.kernel.attention.Rotation;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.FeedForwardWeights;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import dev.panaformer.nn.SinCosPositions;
import dev.panaformer.nn.SinusoidalPositions;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntToDoubleFunction;

/** A case of one call of an operator, in one safetensors file. */
record OperatorCase(String name, Path file) implements GoldenCase {
  /**
   * The tolerance of all operators, since their files have none. It is the smallest tolerance of
   * all cases.
   */
  private static final double TOLERANCE_REL_L2 = 1e-5;

  @Override
  public void run(Backends backends, Report report) throws IOException {
    try (SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofShared();
        Workspace workspace = new Workspace(backends.kernels().memory());
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
      case "ffn_gated" -> gatedFeedForward(operands, kernels, workspace);
      case "attention" -> new AttentionCall(operands, kernels, workspace).run();
      case "layer_norm", "add_layer_norm" -> layerNorm(operands, kernels);
      case "rms_norm", "add_rms_norm" -> rmsNorm(operands, kernels);
      case "softmax" -> softmax(operands, kernels);
      case "rope" -> rope(operands, kernels, workspace);
      case "sinusoidal_positions" -> sinusoidalPositions(operands);
      case "sincos2d_positions" -> sinCosPositions(operands);
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

    PackedWeight packed = kernels.packing().pack("weight", weight, out, in, operands.allocator());
    MemorySegment y = operands.allocateFloats(tokens * out);
    kernels
        .linear()
        .linear(x, new LinearWeights(packed, bias), MemorySegment.NULL, y, tokens, activation);
    Map<String, MemorySegment> outputs = new LinkedHashMap<>(Map.of("y", y));
    if (!residual.equals(MemorySegment.NULL)) {
      MemorySegment sum = operands.allocateFloats(tokens * out);
      kernels
          .linear()
          .linear(x, new LinearWeights(packed, bias), residual, sum, tokens, activation);
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

    PackedWeight packedUp =
        kernels.packing().pack("w1", up, intermediate, hidden, operands.allocator());
    PackedWeight packedDown =
        kernels.packing().pack("w2", down, hidden, intermediate, operands.allocator());
    Map<String, MemorySegment> outputs = new LinkedHashMap<>();
    outputs.put("y", MemorySegment.NULL);
    outputs.put("y_plus_residual", x);
    outputs.replaceAll((name, residual) -> {
      MemorySegment y = operands.allocateFloats(tokens * hidden);
      kernels
          .linear()
          .feedForward(
              x,
              FeedForwardWeights.plain(
                  new LinearWeights(packedUp, upBias),
                  new LinearWeights(packedDown, downBias),
                  activation),
              residual,
              y,
              tokens,
              workspace);
      return y;
    });
    return outputs;
  }

  private static Map<String, MemorySegment> gatedFeedForward(
      Operands operands, Kernels kernels, Workspace workspace) {
    long[] shape = operands.shape("x");
    long hidden = operands.size("x", -1);
    long intermediate = operands.size("up", 0);
    long tokens = rows(shape);
    MemorySegment x = operands.floats("x", shape);
    MemorySegment gate = operands.floats("gate", intermediate, hidden);
    MemorySegment up = operands.floats("up", intermediate, hidden);
    MemorySegment down = operands.floats("down", hidden, intermediate);
    MemorySegment gateBias = operands.optionalFloats("gate_bias", intermediate);
    MemorySegment upBias = operands.optionalFloats("up_bias", intermediate);
    MemorySegment downBias = operands.optionalFloats("down_bias", hidden);
    Activation activation = operands.activation();
    operands.requireAllRead();

    MemorySegment y = operands.allocateFloats(tokens * hidden);
    kernels
        .linear()
        .feedForward(
            x,
            FeedForwardWeights.gated(
                new LinearWeights(
                    kernels
                        .packing()
                        .pack("gate", gate, intermediate, hidden, operands.allocator()),
                    gateBias),
                new LinearWeights(
                    kernels.packing().pack("up", up, intermediate, hidden, operands.allocator()),
                    upBias),
                new LinearWeights(
                    kernels
                        .packing()
                        .pack("down", down, hidden, intermediate, operands.allocator()),
                    downBias),
                activation),
            MemorySegment.NULL,
            y,
            tokens,
            workspace);
    return Map.of("y", y);
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
    kernels
        .norm()
        .layerNorm(x, residual, new NormWeights(weight, bias, hidden, eps), y, rows(shape));
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
    kernels.norm().rmsNorm(x, residual, new NormWeights(weight, hidden, eps), y, rows(shape));
    return Map.of("y", y);
  }

  private static Map<String, MemorySegment> softmax(Operands operands, Kernels kernels) {
    long[] shape = operands.shape("x");
    MemorySegment x = operands.floats("x", shape);
    operands.requireAllRead();

    MemorySegment y = operands.allocateFloats(Tensor.elements(shape));
    kernels.norm().softmax(x, y, rows(shape), operands.size("x", -1));
    return Map.of("y", y);
  }

  /**
   * Evaluates {@code rope}. {@code x} is {@code [batch, heads, length, head_dim]}, and each
   * sequence has the positions from 0 on.
   */
  private static Map<String, MemorySegment> rope(
      Operands operands, Kernels kernels, Workspace workspace) {
    int batch = Math.toIntExact(operands.size("x", 0));
    long heads = operands.size("x", 1);
    int length = Math.toIntExact(operands.size("x", 2));
    int headDim = Math.toIntExact(operands.size("x", 3));
    MemorySegment y = operands.floats("x", batch, heads, length, headDim);
    long[] positions = operands.longs("positions");
    double theta = operands.number("theta");
    operands.expect("layout", "rotate halves (Llama in Hugging Face order)");
    operands.requireAllRead();
    if (positions.length != length) {
      throw new CheckpointException(
          String.format("positions are %d, expected %d", positions.length, length));
    }

    RotaryTables tables = rotaryTables(operands, positions, headDim, theta);
    long head =
        (long) length
            * headDim
            * Float.BYTES; // the kernel takes [tokens, heads, headDim], so one head at a time
    try (TokenBatch tokens = new TokenBatch()) {
      for (long position : positions) {
        tokens.add(0, Math.toIntExact(position), 0);
      }
      tokens.endSequence();
      for (long h = 0; h < batch * heads; h++) {
        MemorySegment x = y.asSlice(h * head, head);
        kernels.attention().rope(new Rotation(tables, 1, headDim, headDim), x, tokens, workspace);
      }
    }
    return Map.of("y", y);
  }

  private static RotaryTables rotaryTables(
      Operands operands, long[] positions, int headDim, double theta) {
    long count = Arrays.stream(positions).max().orElse(0) + 1;
    int pairs = headDim / 2;
    IntToDoubleFunction frequencies = RotaryTables.frequencies(theta, headDim);
    MemorySegment cos = operands.hostAllocator().allocate(JAVA_FLOAT, count * pairs);
    MemorySegment sin = operands.hostAllocator().allocate(JAVA_FLOAT, count * pairs);
    RotaryTables.fill(cos, count, pairs, frequencies, Math::cos);
    RotaryTables.fill(sin, count, pairs, frequencies, Math::sin);
    return new RotaryTables(operands.place(cos), operands.place(sin), count, headDim);
  }

  private static Map<String, MemorySegment> sinusoidalPositions(Operands operands) {
    int length = (int) operands.number("length");
    int width = (int) operands.number("dim");
    operands.expect("layout", "interleaved sin, cos (Vaswani et al. 2017)");
    operands.requireAllRead();

    MemorySegment y = operands.hostAllocator().allocate(JAVA_FLOAT, (long) length * width);
    SinusoidalPositions.fill(y, length, width, SinusoidalPositions.Order.INTERLEAVED);
    return Map.of("y", operands.place(y));
  }

  private static Map<String, MemorySegment> sinCosPositions(Operands operands) {
    int rows = (int) operands.number("grid_height");
    int columns = (int) operands.number("grid_width");
    int width = (int) operands.number("dim");
    operands.expect(
        "layout",
        "first half of the channels from x (column), second half from y (row); within a half:"
            + " sines then cosines (He et al. 2021, MAE)");
    operands.requireAllRead();

    float[] places = new float[rows * columns * width];
    SinCosPositions.fill(places, 0, rows, columns, width);
    return Map.of("y", operands.place(operands.hostAllocator().allocateFrom(JAVA_FLOAT, places)));
  }

  private static Map<String, MemorySegment> activate(Operands operands, Kernels kernels) {
    long[] shape = operands.shape("x");
    MemorySegment x = operands.floats("x", shape);
    Activation activation = Operands.activation(operands.operator());
    operands.requireAllRead();

    long count = Tensor.elements(shape);
    MemorySegment y = operands.allocateFloats(count);
    kernels.linear().activate(x, y, count, activation);
    return Map.of("y", y);
  }

  /** The product of all dimensions but the last. */
  private static long rows(long[] shape) {
    return Tensor.elements(Arrays.copyOf(shape, shape.length - 1));
  }

  private static long[] with(long[] shape, long last) {
    long[] changed = shape.clone();
    changed[changed.length - 1] = last;
    return changed;
  }
}
