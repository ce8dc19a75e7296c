package dev.panaformer.nn.weights;

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
import dev.panaformer.nn.LayerNorm;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.RmsNorm;
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
 * Turns the tensors of a checkpoint into layers. Loading is also validation: each method takes a
 * name and the expected shape. If they do not match the checkpoint, it throws a {@link
 * CheckpointException} that names the file, the tensor and both shapes.
 *
 * <p>The layers are allocated in the memory given to the constructor and evaluated by the kernels
 * given there. Each tensor is mapped only while it is read. Matrices are packed in the given
 * precision, directly from their type in the file. One matrix at a time passes through a staging
 * buffer, which {@link #close} frees. All other tensors, and the matrices of {@link #inFp32}, are
 * converted to float32. Not thread-safe.
 */
public final class Weights implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final Kernels kernels;
  private final NativeMemory memory;
  private final WeightNames names;
  private final WeightFormat precision;
  private final Layout layout;
  private final Optional<QuantizedWeights> quantized;
  private final Loaded loaded;
  private final GrowableBuffer staging;
  private final String prefix;

  /** The layout in which matrices are packed. */
  private enum Layout {
    MANY_ROWS,
    FEW_ROWS,
    STORED
  }

  /** The weights loaded so far, by their names in the checkpoint. */
  private record Loaded(Set<String> tensors, Map<String, PackedWeight> packed) {}

  /** Loads all matrices in {@link WeightFormat#FP32}. */
  public Weights(Checkpoint checkpoint, Kernels kernels, NativeMemory memory, WeightNames names) {
    this(checkpoint, kernels, memory, names, WeightFormat.FP32);
  }

  /**
   * @param kernels the kernels that evaluate the layers; matrices are packed for them
   * @param memory the allocator of the layers, which must outlive them
   * @param names maps names to those of the checkpoint
   * @param precision the format in which matrices are packed. If the checkpoint is quantized,
   *     {@link WeightFormat#FP32} selects the format of its packed weights
   * @throws CheckpointException if the checkpoint is quantized in another format
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
        new Loaded(new LinkedHashSet<>(), new LinkedHashMap<>()),
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
      Loaded loaded,
      GrowableBuffer staging,
      String prefix) {
    this.checkpoint = checkpoint;
    this.kernels = kernels;
    this.memory = memory;
    this.names = names;
    this.precision = precision;
    this.layout = layout;
    this.quantized = quantized;
    this.loaded = loaded;
    this.staging = staging;
    this.prefix = prefix;
  }

  private static WeightFormat agreed(
      Checkpoint checkpoint, Optional<QuantizedWeights> quantized, WeightFormat requested) {
    WeightFormat own = quantized.map(QuantizedWeights::precision).orElse(requested);
    if (requested != WeightFormat.FP32 && requested != own) {
      throw new CheckpointException(
          String.format(
              "%s: was quantized to %s, and cannot be loaded in %s",
              checkpoint.source(), own, requested));
    }
    return own;
  }

  /** The same checkpoint with {@code child.} before all names. */
  public Weights at(String child) {
    return as(precision, layout, prefix + child + ".");
  }

  /**
   * The same weights with all matrices in float32. This is for small layers whose results are the
   * result of the model, such as scores of labels or boxes.
   */
  public Weights inFp32() {
    return as(WeightFormat.FP32, layout, prefix);
  }

  /**
   * The same weights with all matrices packed {@linkplain WeightPacking#packForFewRows for few
   * rows}. Decoding has few rows: one for each sequence of the batch.
   */
  public Weights forFewRows() {
    return layout == Layout.STORED ? this : as(precision, Layout.FEW_ROWS, prefix);
  }

  /** The same weights with all matrices packed for any number of rows, which is the default. */
  public Weights forManyRows() {
    return layout == Layout.STORED ? this : as(precision, Layout.MANY_ROWS, prefix);
  }

  /**
   * The same weights with all matrices in the layout of quantized files. {@link #forFewRows} and
   * {@link #forManyRows} no longer change it.
   */
  public Weights forStorage() {
    return as(precision, Layout.STORED, prefix);
  }

  private Weights as(WeightFormat precision, Layout layout, String prefix) {
    return new Weights(
        checkpoint, kernels, memory, names, precision, layout, quantized, loaded, staging, prefix);
  }

  /** The kernels that evaluate the layers. */
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

  /**
   * The names in the checkpoint of the tensors that were read so far and not packed in low
   * precision.
   */
  public Set<String> tensorsRead() {
    return Collections.unmodifiableSet(loaded.tensors);
  }

  /**
   * The weights that were packed in low precision so far. The key joins the checkpoint's names of
   * the packed tensors by {@code +}.
   */
  public Map<String, PackedWeight> packedRead() {
    return Collections.unmodifiableMap(loaded.packed);
  }

  /** Whether two tensors of the same shape have the same type and equal elements. */
  public boolean same(String name, String other, long... shape) {
    if (quantized.isPresent()) {
      return false; // a quantized file stores equal tensors once
    }
    try (Arena mapped = Arena.ofConfined()) {
      Tensor a = require(find(name, shape), mapped, shape);
      Tensor b = require(find(other, shape), mapped, shape);
      long bytes = a.elements() * a.dtype().bytes();
      return a.dtype() == b.dtype()
          && MemorySegment.mismatch(a.data(), 0, bytes, b.data(), 0, bytes) < 0;
    }
  }

  /** Loads a tensor as float32 in row-major order. */
  public MemorySegment tensor(String name, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = read(name, mapped, shape);
      return kernels.memory().place(memory, tensor::toFloat32);
    }
  }

  /**
   * Reads the elements of a tensor into an array, in row-major order. This is for values that a
   * model processes while it loads.
   */
  public float[] values(String name, long... shape) {
    try (Arena mapped = Arena.ofConfined()) {
      return read(name, mapped, shape).toFloats();
    }
  }

  /** Loads {@code name.weight} {@code [out, in]} and {@code name.bias} {@code [out]}. */
  public Linear linear(String name, long out, long in) {
    return concatenated(out, in, name);
  }

  /**
   * Loads layers that have the same shape and the same input as one layer, {@code [layers * out,
   * in]}.
   */
  public Linear concatenated(long out, long in, String... layers) {
    return stacked(in, true, List.of(layers), Arrays.stream(layers).map(layer -> out).toList());
  }

  /**
   * Loads {@code name.weight} {@code [in, out]}, transposed, and {@code name.bias} {@code [out]}.
   */
  public Linear transposed(String name, long out, long in) {
    return new Linear(packedTransposed(name + ".weight", out, in), tensor(name + ".bias", out));
  }

  /**
   * Loads layers that have the same input and different widths as one layer, {@code [sum of outs,
   * in]}.
   */
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

  /** Loads {@code name.weight} {@code [out, in]} as a layer without bias. */
  public Linear unbiased(String name, long out, long in) {
    return new Linear(packed(name + ".weight", out, in), MemorySegment.NULL);
  }

  /**
   * Loads a convolution, {@code name.weight} {@code [out, channels, height, width]} and {@code
   * name.bias} {@code [out]}, as a linear layer {@code [out, channels * height * width]} over
   * flattened patches.
   *
   * @param channelsLast whether the values of a patch are in the order {@code [height, width,
   *     channels]} rather than {@code [channels, height, width]}
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
   * Loads the weight of a depthwise convolution, {@code [channels, 1, size, size]}, as {@code
   * [size, size, channels]}.
   */
  public MemorySegment depthwise(String name, long channels, long size) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = read(name, mapped, channels, 1, size, size);
      return kernels.memory().place(memory, tensor.transpose(0, 3).transpose(0, 2)::toFloat32);
    }
  }

  /** Loads a matrix {@code [rows, columns]} as float32 in column-major order. */
  public MemorySegment transposedTensor(String name, long rows, long columns) {
    try (Arena mapped = Arena.ofConfined()) {
      Tensor tensor = read(name, mapped, rows, columns);
      return kernels.memory().place(memory, tensor.transpose(0, 1)::toFloat32);
    }
  }

  /**
   * Allocates a table of computed values beside the layers.
   *
   * @param fill writes the {@code count} floats of the table
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

  /** Loads a tensor as float32 in row-major order, multiplied by a factor. */
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

  /** Loads and packs a matrix {@code [out, in]}. */
  public PackedWeight packed(String name, long out, long in) {
    return pack(List.of(new Matrix(name, out, in)), out, in);
  }

  /** Loads, transposes and packs a matrix {@code [in, out]}. */
  public PackedWeight packedTransposed(String name, long out, long in) {
    return pack(List.of(Matrix.transposed(name, out, in)), out, in);
  }

  /**
   * Loads a matrix, changes its elements and packs it.
   *
   * @param adjust changes the {@code [out, in]} floats in place before they are packed
   * @param shape of the tensor: {@code [out, in]}, possibly followed by dimensions of 1
   */
  public PackedWeight adjusted(String name, Consumer<MemorySegment> adjust, long... shape) {
    return pack(
        List.of(new Matrix(name, shape, UnaryOperator.identity())), shape[0], shape[1], adjust);
  }

  /**
   * A tensor whose rows become rows of a packed weight.
   *
   * @param view makes the matrix from the tensor; its first dimension is the output features
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
   * @param adjust changes the float32 matrix before it is packed; or null
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
      // All shapes are checked before memory is allocated, so that a wrong config.json cannot
      // exhaust it.
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
        loaded.packed.put(String.join(QuantizedWeights.SEPARATOR, found), packed);
      } else {
        loaded.tensors.addAll(found);
      }
      return packed;
    }
  }

  /** The common type of all tensors, or float32 if their types differ. */
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

  /** Loads {@code name.weight} and {@code name.bias}, both {@code [hidden]}. */
  public LayerNorm layerNorm(String name, long hidden, float eps) {
    return new LayerNorm(
        tensor(name + ".weight", hidden), tensor(name + ".bias", hidden), hidden, eps);
  }

  /** Loads {@code name.weight} {@code [hidden]}. */
  public RmsNorm rmsNorm(String name, long hidden, float eps) {
    return new RmsNorm(tensor(name + ".weight", hidden), hidden, eps);
  }

  /** Maps a tensor that is not packed. */
  private Tensor read(String name, Arena mapped, long... shape) {
    String found = find(name, shape);
    loaded.tensors.add(found);
    return require(found, mapped, shape);
  }

  /** The name in the checkpoint of a weight that must exist. */
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
