package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.kernel.GrowableBuffer;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeMemory;
import dev.panaformer.kernel.PackedWeight;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Turns the tensors of a checkpoint into layers. Loading is validation: a name and the shape that
 * is expected of it in one expression, and a {@link CheckpointException} naming file, tensor and
 * both shapes where they do not agree.
 *
 * <p>The layers lie in the memory given here and run on the kernels given here. Tensors are mapped
 * while they are read and become float32; matrices pass through a staging buffer that {@link
 * #close} frees. Not thread-safe.
 */
public final class Weights implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final NativeMemory memory;
  private final WeightNames names;
  private final GrowableBuffer staging;
  private final String prefix;

  /**
   * @param kernels for which matrices are packed
   * @param memory where layers live; it outlives this instance
   * @param names how the checkpoint spells names
   */
  public Weights(Checkpoint checkpoint, Kernels kernels, NativeMemory memory, WeightNames names) {
    this(checkpoint, kernels, memory, names, new GrowableBuffer(), "");
  }

  private Weights(
      Checkpoint checkpoint,
      Kernels kernels,
      NativeMemory memory,
      WeightNames names,
      GrowableBuffer staging,
      String prefix) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.memory = memory;
    this.names = names;
    this.staging = staging;
    this.prefix = prefix;
  }

  /** The same checkpoint, all names below {@code child}. */
  public Weights at(String child) {
    return new Weights(checkpoint, kernels, memory, names, staging, prefix + child + ".");
  }

  /** The kernels for which matrices are packed. */
  public Kernels kernels() {
    return kernels;
  }

  public boolean has(String name) {
    return names.of(prefix + name).stream().anyMatch(checkpoint.names()::contains);
  }

  /** Whether two tensors of the same shape hold the same numbers in the same type. */
  public boolean same(String name, String other, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor a = require(name, mapped, shape);
      Tensor b = require(other, mapped, shape);
      long bytes = a.elements() * a.dtype().bytes();
      return a.dtype() == b.dtype()
          && MemorySegment.mismatch(a.data(), 0, bytes, b.data(), 0, bytes) < 0;
    }
  }

  /** A tensor as float32, row by row. */
  public MemorySegment tensor(String name, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = require(name, mapped, shape);
      return kernels.place(memory, tensor::toFloat32);
    }
  }

  /** The elements of a tensor for the loader itself to read, row by row. */
  public float[] values(String name, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      return require(name, mapped, shape).toFloats();
    }
  }

  /** {@code name.weight} {@code [out, in]} and {@code name.bias} {@code [out]}. */
  public Linear linear(String name, long out, long in) {
    return concatenated(out, in, name);
  }

  /** Layers of the same shape and the same input as one: {@code [names * out, in]}. */
  public Linear concatenated(long out, long in, String... layers) {
    try (Arena mapped = Arena.ofConfined()) {
      // All shapes are checked before memory is asked for: a lying config.json must not exhaust it.
      List<Tensor> weights = new ArrayList<>();
      List<Tensor> biases = new ArrayList<>();
      for (String layer : layers) {
        weights.add(require(layer + ".weight", mapped, out, in));
        biases.add(require(layer + ".bias", mapped, out));
      }
      MemorySegment weight = staging.ensure(layers.length * out * in * Float.BYTES);
      copyInOrder(weights, weight);
      MemorySegment bias = placeInOrder(biases, layers.length * out);
      return new Linear(pack(layers[0], weight, layers.length * out, in), bias);
    }
  }

  /** {@code name.weight} {@code [in, out]}, transposed, and {@code name.bias} {@code [out]}. */
  public Linear transposed(String name, long out, long in) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor weight = require(name + ".weight", mapped, in, out);
      MemorySegment bias = tensor(name + ".bias", out);
      long bytes = out * in * Float.BYTES;
      MemorySegment both = staging.ensure(2 * bytes);
      weight.copyFloat32To(both);
      MemorySegment turned = both.asSlice(bytes);
      for (long i = 0; i < in; i++) {
        for (long o = 0; o < out; o++) {
          turned.setAtIndex(JAVA_FLOAT, o * in + i, both.getAtIndex(JAVA_FLOAT, i * out + o));
        }
      }
      return new Linear(pack(name, turned, out, in), bias);
    }
  }

  /** Layers of different widths and the same input as one, {@code [sum of outs, in]}. */
  public Linear stacked(long in, boolean biased, List<String> layers, List<Long> outs) {
    try (Arena mapped = Arena.ofConfined()) {
      List<Tensor> weights = new ArrayList<>();
      List<Tensor> biases = new ArrayList<>();
      long out = 0;
      for (int i = 0; i < layers.size(); i++) {
        weights.add(require(layers.get(i) + ".weight", mapped, outs.get(i), in));
        if (biased) {
          biases.add(require(layers.get(i) + ".bias", mapped, outs.get(i)));
        }
        out += outs.get(i);
      }
      MemorySegment weight = staging.ensure(out * in * Float.BYTES);
      copyInOrder(weights, weight);
      MemorySegment bias = MemorySegment.NULL;
      if (biased) {
        bias = placeInOrder(biases, out);
      }
      return new Linear(pack(layers.get(0), weight, out, in), bias);
    }
  }

  /** {@code name.weight} {@code [out, in]} of a layer without bias. */
  public Linear unbiased(String name, long out, long in) {
    return new Linear(packed(name + ".weight", out, in), MemorySegment.NULL);
  }

  /**
   * A convolution, {@code name.weight} {@code [out, channels, height, width]} and {@code name.bias}
   * {@code [out]}, as the layer that each of its patches goes through.
   *
   * @param channelsLast whether a patch's values come with their channels last
   */
  public Linear convolution(
      String name, long out, long channels, long height, long width, boolean channelsLast) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = require(name + ".weight", mapped, out, channels, height, width);
      MemorySegment bias = tensor(name + ".bias", out);
      long in = channels * height * width;
      MemorySegment weight = staging.ensure(out * in * Float.BYTES);
      (channelsLast ? tensor.transpose(1, 2).transpose(2, 3) : tensor).copyFloat32To(weight);
      return new Linear(pack(name, weight, out, in), bias);
    }
  }

  /**
   * A depthwise convolution's {@code [channels, 1, size, size]} as {@code [size, size, channels]}.
   */
  public MemorySegment depthwise(String name, long channels, long size) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = require(name, mapped, channels, 1, size, size);
      return kernels.place(memory, tensor.transpose(0, 3).transpose(0, 2)::toFloat32);
    }
  }

  /** A matrix {@code [rows, columns]} as float32, column by column. */
  public MemorySegment transposedTensor(String name, long rows, long columns) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = require(name, mapped, rows, columns);
      return kernels.place(memory, tensor.transpose(0, 1)::toFloat32);
    }
  }

  /**
   * A table that lives as long as the layers.
   *
   * @param fill writes its {@code count} floats
   */
  public MemorySegment floats(long count, Consumer<MemorySegment> fill) {
    return kernels.place(
        memory,
        host -> {
          MemorySegment floats = host.allocate(JAVA_FLOAT, count);
          fill.accept(floats);
          return floats;
        });
  }

  private MemorySegment placeInOrder(List<Tensor> tensors, long count) {
    return floats(count, target -> copyInOrder(tensors, target));
  }

  /** A tensor times a factor as float32, row by row. */
  public MemorySegment scaledTensor(String name, float factor, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = require(name, mapped, shape);
      return kernels.place(
          memory,
          host -> {
            MemorySegment floats = tensor.toFloat32(host);
            if (factor != 1) {
              scale(floats, tensor.elements(), factor);
            }
            return floats;
          });
    }
  }

  private static void scale(MemorySegment floats, long count, float factor) {
    for (long i = 0; i < count; i++) {
      floats.setAtIndex(JAVA_FLOAT, i, floats.getAtIndex(JAVA_FLOAT, i) * factor);
    }
  }

  private static void copyInOrder(List<Tensor> tensors, MemorySegment target) {
    long offset = 0;
    for (Tensor tensor : tensors) {
      tensor.copyFloat32To(target.asSlice(offset));
      offset += tensor.elements() * Float.BYTES;
    }
  }

  /** A matrix {@code [out, in]} as the kernels read it. */
  public PackedWeight packed(String name, long out, long in) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = require(name, mapped, out, in);
      MemorySegment weight = staging.ensure(out * in * Float.BYTES);
      tensor.copyFloat32To(weight);
      return pack(name, weight, out, in);
    }
  }

  /** A matrix {@code [in, out]}, transposed, as the kernels read it. */
  public PackedWeight packedTransposed(String name, long out, long in) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = require(name, mapped, in, out);
      MemorySegment weight = staging.ensure(out * in * Float.BYTES);
      tensor.transpose(0, 1).copyFloat32To(weight);
      return pack(name, weight, out, in);
    }
  }

  /**
   * A matrix {@code [out, in]} that the loader made, as the kernels read it.
   *
   * @param fill writes it
   */
  public PackedWeight pack(String name, long out, long in, Consumer<MemorySegment> fill) {
    MemorySegment weight = staging.ensure(out * in * Float.BYTES);
    fill.accept(weight);
    return pack(name, weight, out, in);
  }

  /** A weight that is in memory already, the host's or the layers'. */
  public PackedWeight pack(String name, MemorySegment weight, long out, long in) {
    return kernels.pack(prefix + name, weight, out, in, memory);
  }

  /** {@code name.weight} and {@code name.bias}, both {@code [hidden]}. */
  public LayerNorm layerNorm(String name, long hidden, float eps) {
    return new LayerNorm(
        tensor(name + ".weight", hidden), tensor(name + ".bias", hidden), hidden, eps);
  }

  /** {@code name.weight} {@code [hidden]}. */
  public RmsNorm rmsNorm(String name, long hidden, float eps) {
    return new RmsNorm(tensor(name + ".weight", hidden), hidden, eps);
  }

  private Tensor require(String name, Arena mapped, long... shape) {
    List<String> spellings = names.of(prefix + name);
    String found =
        spellings.stream()
            .filter(checkpoint.names()::contains)
            .findFirst()
            .orElseThrow(() -> missing(spellings, shape));
    Tensor tensor = checkpoint.tensor(found, mapped);
    boolean floats = tensor.dtype() != DType.I64 && tensor.dtype() != DType.I32;
    if (!floats || !Arrays.equals(tensor.shape(), shape)) {
      throw new CheckpointException(
          String.format(
              "%s: tensor %s is %s, expected floats %s",
              checkpoint.source(), found, tensor, Tensor.format(shape)));
    }
    return tensor;
  }

  private CheckpointException missing(List<String> spellings, long[] shape) {
    return new CheckpointException(
        String.format(
            "%s: no tensor %s, expected floats %s",
            checkpoint.source(), String.join(" or ", spellings), Tensor.format(shape)));
  }

  @Override
  public void close() {
    staging.close();
  }
}
