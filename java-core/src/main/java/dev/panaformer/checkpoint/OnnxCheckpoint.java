package dev.panaformer.checkpoint;

import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The weights of an exported ONNX model of the BERT family, under Hugging Face's names and in its
 * layout. The weights may be in the model file or in files beside it.
 *
 * <p>Opening parses the model and keeps only the locations of the weights. Quantised models, and
 * models whose operators an optimiser has fused, are refused.
 */
public final class OnnxCheckpoint implements Checkpoint {
  private static final Map<Integer, DType> DTYPES =
      Map.of(
          OnnxTensor.FLOAT,
          DType.F32,
          6,
          DType.I32,
          OnnxTensor.INT64,
          DType.I64,
          10,
          DType.F16,
          16,
          DType.BF16);

  /**
   * A tensor as the file stores it.
   *
   * @param dtype the element type; null if it is not supported
   * @param onnxType the number of the type in the specification
   * @param file the file that holds the elements, or null if they are {@code values}
   */
  private record Weight(
      DType dtype, int onnxType, long[] shape, CheckpointFile file, long offset, byte[] values) {}

  private final CheckpointFile file;
  private final Map<Path, CheckpointFile> externalFiles = new HashMap<>();
  private final Map<String, Weight> weights = new HashMap<>();
  private Map<String, OnnxWeightNames.Use> uses = Map.of();

  private OnnxCheckpoint(CheckpointFile file) {
    this.file = file;
  }

  /**
   * Reads the graph and locates the weights.
   *
   * @throws CheckpointException if the file, or a file that it refers to, cannot be used
   */
  public static OnnxCheckpoint open(Path path) {
    OnnxCheckpoint checkpoint = new OnnxCheckpoint(CheckpointFile.open(path));
    try {
      checkpoint.read();
      return checkpoint;
    } catch (Throwable e) {
      checkpoint.close();
      throw e;
    }
  }

  private void read() {
    try (OnnxGraph graph = OnnxGraph.read(file)) {
      uses = OnnxWeightNames.of(source(), graph);
      for (OnnxWeightNames.Use use : uses.values()) {
        weights.computeIfAbsent(use.initializer(), name -> weight(graph.initializers().get(name)));
      }
    }
  }

  private Weight weight(OnnxTensor tensor) {
    String where = source() + ": tensor " + tensor.name();
    DType dtype = DTYPES.get(tensor.dataType());
    long[] shape = tensor.dims();
    long expected;
    try {
      long elements = Tensor.elements(shape);
      expected = dtype == null ? 0 : Math.multiplyExact(elements, (long) dtype.bytes());
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw new CheckpointException(where + " has the impossible shape " + Tensor.format(shape), e);
    }
    if (dtype == null) {
      return new Weight(null, tensor.dataType(), shape, null, 0, null);
    }
    if (tensor.isExternal()) {
      return external(where, tensor, dtype, expected);
    }
    boolean raw = tensor.raw().byteSize() > 0;
    long count = raw ? 0 : tensor.typedCount(dtype);
    long actual = raw ? tensor.raw().byteSize() : count * dtype.bytes();
    if (actual != expected) {
      throw new CheckpointException(
          String.format(
              "%s has %d bytes, expected %d for %s %s",
              where, actual, expected, dtype, Tensor.format(shape)));
    }
    if (raw) {
      return new Weight(dtype, tensor.dataType(), shape, file, tensor.rawOffset(), null);
    }
    if (actual > Integer.MAX_VALUE) {
      throw new CheckpointException(
          where + " has " + actual + " bytes that are not raw, expected at most 2 GiB");
    }
    return new Weight(
        dtype, tensor.dataType(), shape, null, 0, tensor.typedValues(dtype, (int) count));
  }

  private Weight external(String where, OnnxTensor tensor, DType dtype, long expected) {
    Map<String, String> fields = tensor.external();
    long[] shape = tensor.dims();
    String location = fields.getOrDefault("location", "");
    if (location.isEmpty()) {
      throw new CheckpointException(where + " has no external location");
    }
    Path path = ModelFolder.inside(source(), location);
    long offset = byteCount(where, "offset", fields.getOrDefault("offset", "0"));
    long length = byteCount(where, "length", fields.getOrDefault("length", "" + expected));
    CheckpointFile data = externalFiles.computeIfAbsent(path, CheckpointFile::open);
    if (length != expected) {
      throw new CheckpointException(
          String.format(
              "%s has %d bytes in %s, expected %d for %s %s",
              where, length, path, expected, dtype, Tensor.format(shape)));
    }
    if (offset > data.size() || length > data.size() - offset) {
      throw new CheckpointException(
          String.format(
              "%s takes %d bytes from byte %d of %s, which has %d",
              where, length, offset, path, data.size()));
    }
    return new Weight(dtype, tensor.dataType(), shape, data, offset, null);
  }

  private static long byteCount(String where, String field, String value) {
    try {
      long number = Long.parseLong(value);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Refused below, like a negative number.
    }
    throw new CheckpointException(
        String.format(
            "%s has the external %s \"%s\", expected a number of bytes", where, field, value));
  }

  /**
   * The architecture as the fields of a {@code config.json}, derived from the graph.
   *
   * @throws CheckpointException if the graph does not contain enough information
   */
  public ConfigJson config() {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    uses.forEach((name, use) -> shapes.put(name, shape(use)));
    try (OnnxGraph graph = OnnxGraph.read(file)) {
      return OnnxArchitecture.config(source(), graph, shapes);
    }
  }

  private long[] shape(OnnxWeightNames.Use use) {
    long[] shape = weights.get(use.initializer()).shape();
    return use.transposed() ? new long[] {shape[1], shape[0]} : shape;
  }

  @Override
  public Path source() {
    return file.path();
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(uses.keySet());
  }

  @Override
  public Tensor tensor(String name, Arena arena) {
    OnnxWeightNames.Use use = uses.get(name);
    if (use == null) {
      throw new CheckpointException(source() + ": no tensor named " + name);
    }
    Weight stored = weights.get(use.initializer());
    if (stored.dtype() == null) {
      throw new CheckpointException(
          String.format(
              "%s: tensor %s has ONNX data type %d, expected one of %s",
              source(), name, stored.onnxType(), DTYPES));
    }
    MemorySegment data =
        stored.file() == null
            ? MemorySegment.ofArray(stored.values()).asReadOnly()
            : stored
                .file()
                .map(
                    stored.offset(),
                    Tensor.elements(stored.shape()) * stored.dtype().bytes(),
                    arena);
    Tensor tensor = Tensor.of(stored.dtype(), stored.shape(), data);
    return use.transposed() ? tensor.transpose(0, 1) : tensor;
  }

  @Override
  public void close() {
    file.close();
    externalFiles.values().forEach(CheckpointFile::close);
  }
}
