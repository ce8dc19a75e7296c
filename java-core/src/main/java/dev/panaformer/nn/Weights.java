package dev.panaformer.nn;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.linear.UnpackedWeight;
import dev.panaformer.kernel.linear.WeightFormat;
import dev.panaformer.kernel.linear.WeightPacking;
import dev.panaformer.kernel.memory.GrowableBuffer;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * Turns the tensors of a checkpoint into layers. Loading is validation: a name and the shape that
 * is expected of it in one expression, and a {@link CheckpointException} naming file, tensor and
 * both shapes where they do not agree.
 *
 * <p>The layers lie in the memory given here and run on the kernels given here. Tensors are mapped
 * while they are read. Matrices are packed in the precision given here, out of the type that the
 * file has them in: one at a time passes through a staging buffer that {@link #close} frees. All
 * else becomes float32, and so do the matrices of {@link #inFp32}. Not thread-safe.
 */
public final class Weights implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final NativeMemory memory;
  private final WeightNames names;
  private final WeightFormat precision;
  private final Layout layout;
  private final Optional<QuantizedWeights> quantized;
  private final Read read;
  private final GrowableBuffer staging;
  private final String prefix;

  /** The use for which matrices are packed. */
  private enum Layout {
    MANY_ROWS,
    FEW_ROWS,
    STORED
  }

  /** The tensors read so far, by their names in the checkpoint. */
  private record Read(Set<String> tensors, Map<String, PackedWeight> packed) {}

  /** In {@link WeightFormat#FP32}. */
  public Weights(Checkpoint checkpoint, Kernels kernels, NativeMemory memory, WeightNames names) {
    this(checkpoint, kernels, memory, names, WeightFormat.FP32);
  }

  /**
   * @param kernels for which matrices are packed
   * @param memory where layers live; it outlives this instance
   * @param names how the checkpoint spells names
   * @param precision what matrices are packed in; of a checkpoint whose weights are packed already
   *     {@link WeightFormat#FP32} stands for theirs
   * @throws CheckpointException if they are packed in another precision
   */
  public Weights(
      Checkpoint checkpoint,
      Kernels kernels,
      NativeMemory memory,
      WeightNames names,
      WeightFormat precision) {
    this(checkpoint, kernels, memory, names, precision, QuantizedWeights.of(checkpoint));
  }

  private Weights(
      Checkpoint checkpoint,
      Kernels kernels,
      NativeMemory memory,
      WeightNames names,
      WeightFormat precision,
      Optional<QuantizedWeights> quantized) {
    this(
        checkpoint,
        kernels,
        memory,
        names,
        agreed(checkpoint, quantized, precision),
        Layout.MANY_ROWS,
        quantized,
        new Read(new LinkedHashSet<>(), new LinkedHashMap<>()),
        new GrowableBuffer(),
        "");
  }

  private Weights(
      Checkpoint checkpoint,
      Kernels kernels,
      NativeMemory memory,
      WeightNames names,
      WeightFormat precision,
      Layout layout,
      Optional<QuantizedWeights> quantized,
      Read read,
      GrowableBuffer staging,
      String prefix) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.memory = memory;
    this.names = names;
    this.precision = precision;
    this.layout = layout;
    this.quantized = quantized;
    this.read = read;
    this.staging = staging;
    this.prefix = prefix;
  }

  private static WeightFormat agreed(
      Checkpoint checkpoint, Optional<QuantizedWeights> quantized, WeightFormat asked) {
    WeightFormat own = quantized.map(QuantizedWeights::precision).orElse(asked);
    if (asked != WeightFormat.FP32 && asked != own) {
      throw new CheckpointException(
          String.format(
              "%s: was quantized to %s, and cannot be loaded in %s",
              checkpoint.source(), own, asked));
    }
    return own;
  }

  /** The same checkpoint, all names below {@code child}. */
  public Weights at(String child) {
    return as(precision, layout, prefix + child + ".");
  }

  /**
   * The same names with all matrices in float32: for layers that are small, and whose results are
   * the answer. Labels, boxes and spans come out of them.
   */
  public Weights inFp32() {
    return as(WeightFormat.FP32, layout, prefix);
  }

  /**
   * The same names with all matrices {@linkplain WeightPacking#packForFewRows for few rows} at a
   * time, as the steps of a decoder have them.
   */
  public Weights forFewRows() {
    return layout == Layout.STORED ? this : as(precision, Layout.FEW_ROWS, prefix);
  }

  /** The same names with all matrices for any number of rows, as from the start. */
  public Weights forManyRows() {
    return layout == Layout.STORED ? this : as(precision, Layout.MANY_ROWS, prefix);
  }

  /** The same names with all matrices as a file has them, whatever they are for. */
  public Weights forStorage() {
    return as(precision, Layout.STORED, prefix);
  }

  private Weights as(WeightFormat precision, Layout layout, String prefix) {
    return new Weights(
        checkpoint, kernels, memory, names, precision, layout, quantized, read, staging, prefix);
  }

  /** The kernels for which matrices are packed. */
  public Kernels kernels() {
    return kernels;
  }

  /** The format in which matrices are packed. */
  public WeightFormat precision() {
    return precision;
  }

  public boolean has(String name) {
    return names.of(prefix + name).stream()
        .anyMatch(spelled ->
            checkpoint.names().contains(spelled)
                || quantized.isPresent() && quantized.get().has(spelled));
  }

  /** The tensors that were read and are not packed, by their names in the checkpoint. */
  public Set<String> tensorsRead() {
    return Collections.unmodifiableSet(read.tensors);
  }

  /**
   * The weights that were packed in low precision, by the checkpoint's names of the tensors that
   * they are made of, with a {@code +} between them.
   */
  public Map<String, PackedWeight> packedRead() {
    return Collections.unmodifiableMap(read.packed);
  }

  /** Whether two tensors of the same shape hold the same numbers in the same type. */
  public boolean same(String name, String other, long... shape) {
    if (quantized.isPresent()) {
      return false; // what was the same is stored once
    }
    try (Arena mapped = Arena.ofConfined()) {
      Tensor a = require(find(name, shape), mapped, shape);
      Tensor b = require(find(other, shape), mapped, shape);
      long bytes = a.elements() * a.dtype().bytes();
      return a.dtype() == b.dtype()
          && MemorySegment.mismatch(a.data(), 0, bytes, b.data(), 0, bytes) < 0;
    }
  }

  /** A tensor as float32, row by row. */
  public MemorySegment tensor(String name, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = read(name, mapped, shape);
      return kernels.memory().place(memory, tensor::toFloat32);
    }
  }

  /** The elements of a tensor for the loader itself to read, row by row. */
  public float[] values(String name, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      return read(name, mapped, shape).toFloats();
    }
  }

  /** {@code name.weight} {@code [out, in]} and {@code name.bias} {@code [out]}. */
  public Linear linear(String name, long out, long in) {
    return concatenated(out, in, name);
  }

  /** Layers of the same shape and the same input as one: {@code [names * out, in]}. */
  public Linear concatenated(long out, long in, String... layers) {
    return stacked(in, true, List.of(layers), Arrays.stream(layers).map(layer -> out).toList());
  }

  /** {@code name.weight} {@code [in, out]}, transposed, and {@code name.bias} {@code [out]}. */
  public Linear transposed(String name, long out, long in) {
    return new Linear(packedTransposed(name + ".weight", out, in), tensor(name + ".bias", out));
  }

  /** Layers of different widths and the same input as one, {@code [sum of outs, in]}. */
  public Linear stacked(long in, boolean biased, List<String> layers, List<Long> outs) {
    List<Matrix> matrices = new ArrayList<>();
    long out = 0;
    for (int i = 0; i < layers.size(); i++) {
      matrices.add(new Matrix(layers.get(i) + ".weight", outs.get(i), in));
      out += outs.get(i);
    }
    PackedWeight weight = pack(matrices, out, in);
    if (!biased) {
      return new Linear(weight, MemorySegment.NULL);
    }
    try (Arena mapped = Arena.ofConfined()) {
      List<Tensor> biases = new ArrayList<>();
      for (int i = 0; i < layers.size(); i++) {
        biases.add(read(layers.get(i) + ".bias", mapped, outs.get(i)));
      }
      return new Linear(weight, floats(out, target -> copyInOrder(biases, DType.F32, target)));
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
    Matrix matrix =
        new Matrix(
            name + ".weight",
            new long[] {out, channels, height, width},
            tensor -> channelsLast ? tensor.transpose(1, 2).transpose(2, 3) : tensor);
    return new Linear(
        pack(List.of(matrix), out, channels * height * width), tensor(name + ".bias", out));
  }

  /**
   * A depthwise convolution's {@code [channels, 1, size, size]} as {@code [size, size, channels]}.
   */
  public MemorySegment depthwise(String name, long channels, long size) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = read(name, mapped, channels, 1, size, size);
      return kernels.memory().place(memory, tensor.transpose(0, 3).transpose(0, 2)::toFloat32);
    }
  }

  /** A matrix {@code [rows, columns]} as float32, column by column. */
  public MemorySegment transposedTensor(String name, long rows, long columns) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = read(name, mapped, rows, columns);
      return kernels.memory().place(memory, tensor.transpose(0, 1)::toFloat32);
    }
  }

  /**
   * A table that lives as long as the layers.
   *
   * @param fill writes its {@code count} floats
   */
  public MemorySegment floats(long count, Consumer<MemorySegment> fill) {
    return kernels
        .memory()
        .place(
            memory,
            host -> {
              MemorySegment floats = host.allocate(JAVA_FLOAT, count);
              fill.accept(floats);
              return floats;
            });
  }

  /** A tensor times a factor as float32, row by row. */
  public MemorySegment scaledTensor(String name, float factor, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = read(name, mapped, shape);
      return kernels
          .memory()
          .place(
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

  /** A matrix {@code [out, in]} as the kernels read it. */
  public PackedWeight packed(String name, long out, long in) {
    return pack(List.of(new Matrix(name, out, in)), out, in);
  }

  /** A matrix {@code [in, out]}, transposed, as the kernels read it. */
  public PackedWeight packedTransposed(String name, long out, long in) {
    return pack(List.of(Matrix.transposed(name, out, in)), out, in);
  }

  /**
   * A matrix that is not the checkpoint's as it is.
   *
   * @param adjust changes its {@code [out, in]} floats in place before they are packed
   * @param shape of the tensor, {@code [out, in]} and perhaps dimensions of 1
   */
  public PackedWeight adjusted(String name, Consumer<MemorySegment> adjust, long... shape) {
    return pack(
        List.of(new Matrix(name, shape, UnaryOperator.identity())), shape[0], shape[1], adjust);
  }

  /**
   * A tensor that is rows of a packed weight.
   *
   * @param view of the tensor, whose first dimension is output features
   */
  private record Matrix(String name, long[] shape, UnaryOperator<Tensor> view) {
    Matrix(String name, long out, long in) {
      this(name, new long[] {out, in}, UnaryOperator.identity());
    }

    static Matrix transposed(String name, long out, long in) {
      return new Matrix(name, new long[] {in, out}, tensor -> tensor.transpose(0, 1));
    }
  }

  private PackedWeight pack(List<Matrix> rows, long out, long in) {
    return pack(rows, out, in, null);
  }

  /**
   * @param adjust or null
   */
  private PackedWeight pack(List<Matrix> rows, long out, long in, Consumer<MemorySegment> adjust) {
    boolean low = precision != WeightFormat.FP32;
    if (low && quantized.isPresent()) {
      List<List<String>> spellings =
          rows.stream().map(matrix -> names.of(prefix + matrix.name)).toList();
      PackedWeight stored = quantized.get().read(spellings, out, in, kernels, memory);
      return layout == Layout.FEW_ROWS ? kernels.packing().forFewRows(stored, memory) : stored;
    }
    try (Arena mapped = Arena.ofConfined()) {
      // All shapes are checked before memory is asked for: a lying config.json must not exhaust it.
      List<Tensor> tensors = new ArrayList<>();
      List<String> found = new ArrayList<>();
      for (Matrix matrix : rows) {
        found.add(find(matrix.name, matrix.shape));
        tensors.add(matrix.view.apply(require(found.getLast(), mapped, matrix.shape)));
      }
      DType dtype = adjust == null ? commonType(tensors) : DType.F32;
      MemorySegment weight = staging.ensure(out * in * dtype.bytes());
      copyInOrder(tensors, dtype, weight);
      if (adjust != null) {
        adjust.accept(weight);
      }
      String name = prefix + rows.getFirst().name;
      PackedWeight packed =
          layout == Layout.FEW_ROWS
              ? kernels
                  .packing()
                  .packForFewRows(
                      new UnpackedWeight(name, weight, dtype, out, in), precision, memory)
              : kernels
                  .packing()
                  .pack(new UnpackedWeight(name, weight, dtype, out, in), precision, memory);
      if (low) {
        read.packed.put(String.join(QuantizedWeights.SEPARATOR, found), packed);
      } else {
        read.tensors.addAll(found);
      }
      return packed;
    }
  }

  /** The type of all tensors if it is one; else float32, to which every type converts. */
  private static DType commonType(List<Tensor> tensors) {
    DType first = tensors.getFirst().dtype();
    return tensors.stream().allMatch(tensor -> tensor.dtype() == first) ? first : DType.F32;
  }

  private static void copyInOrder(List<Tensor> tensors, DType dtype, MemorySegment target) {
    long offset = 0;
    for (Tensor tensor : tensors) {
      if (tensor.dtype() == dtype) {
        tensor.copyTo(target.asSlice(offset));
      } else {
        tensor.copyFloat32To(target.asSlice(offset));
      }
      offset += tensor.elements() * dtype.bytes();
    }
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

  /** A tensor that is not to be packed. */
  private Tensor read(String name, Arena mapped, long... shape) {
    String found = find(name, shape);
    read.tensors.add(found);
    return require(found, mapped, shape);
  }

  /** How the checkpoint spells a name. */
  private String find(String name, long... shape) {
    List<String> spellings = names.of(prefix + name);
    return spellings.stream()
        .filter(checkpoint.names()::contains)
        .findFirst()
        .orElseThrow(() -> missing(spellings, shape));
  }

  private Tensor require(String found, Arena mapped, long... shape) {
    Tensor tensor = checkpoint.tensor(found, mapped);
    if (!tensor.dtype().isFloat() || !Arrays.equals(tensor.shape(), shape)) {
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
