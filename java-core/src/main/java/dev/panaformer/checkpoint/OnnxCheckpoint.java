package dev.panaformer.checkpoint;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import dev.panaformer.checkpoint.onnx.GraphProto;
import dev.panaformer.checkpoint.onnx.ModelProto;
import dev.panaformer.checkpoint.onnx.NodeProto;
import dev.panaformer.checkpoint.onnx.StringStringEntryProto;
import dev.panaformer.checkpoint.onnx.TensorProto;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The weights in an ONNX export of a BERT-family model, under Hugging Face's names and in its
 * layout.
 *
 * <p>Exporters keep the names of most parameters, but fold the transposition of a linear layer into
 * its weight, which then is {@code [in, out]} under a name like {@code onnx::MatMul_1312}. Such a
 * weight is named by the graph: after the bias that is added to its product, else after the node.
 * Weights in other files beside the model are read; quantised ones are refused.
 */
public final class OnnxCheckpoint implements Checkpoint {
  /** {@code TensorProto.DataLocation.EXTERNAL}. */
  private static final int EXTERNAL = 1;

  private static final Map<Integer, DType> DTYPES =
      Map.of(
          1, DType.F32,
          6, DType.I32,
          7, DType.I64,
          10, DType.F16,
          16, DType.BF16);

  private static final Set<String> QUANTISED_OPERATORS =
      Set.of("MatMulInteger", "QLinearMatMul", "DequantizeLinear", "MatMulNBits", "DynamicQuantizeLinear");

  /** What a wrapper around the model may have put before a name that we know. */
  private static final Pattern WRAPPED =
      Pattern.compile(
          "(?:.*?\\.)??((?:(?:bert|roberta|distilbert)\\.)?(?:embeddings|encoder|transformer|pooler|cls"
              + "|classifier|pre_classifier|qa_outputs|lm_head|vocab_\\w+)\\..*)");

  /** A tensor of the file: what it is, where it lies, and whether it is to be transposed. */
  private record Entry(TensorProto proto, DType dtype, long[] shape, boolean transposed) {}

  private final CheckpointFile file;
  private final Arena arena;
  private final MemorySegment bytes;
  private final GraphProto graph;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  private OnnxCheckpoint(CheckpointFile file, Arena arena) {
    this.file = file;
    this.arena = arena;
    if (file.size() == 0 || file.size() > Integer.MAX_VALUE) {
      throw new CheckpointException(
          file.path() + ": has " + file.size() + " bytes, expected an ONNX model of at most 2 GiB");
    }
    bytes = file.map(0, file.size(), arena);
    graph = parse();
    readInitializers();
  }

  /**
   * Reads the graph and finds the weights' places.
   *
   * @throws CheckpointException if the file cannot be used
   */
  public static OnnxCheckpoint open(Path path) {
    CheckpointFile file = CheckpointFile.open(path);
    Arena arena = Arena.ofShared();
    try {
      return new OnnxCheckpoint(file, arena);
    } catch (RuntimeException | Error e) {
      arena.close();
      file.close();
      throw e;
    }
  }

  private GraphProto parse() {
    try {
      // Tensors alias the map: nothing of their size reaches the heap.
      CodedInputStream in = UnsafeByteOperations.unsafeWrap(bytes.asByteBuffer()).newCodedInput();
      in.enableAliasing(true);
      ModelProto model = ModelProto.parseFrom(in);
      if (!model.hasGraph()) {
        throw new CheckpointException(source() + ": no graph, expected an ONNX model");
      }
      return model.getGraph();
    } catch (InvalidProtocolBufferException e) {
      throw new CheckpointException(source() + ": not an ONNX model: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new CheckpointException(source() + ": cannot be read: " + e, e);
    }
  }

  private void readInitializers() {
    Map<String, TensorProto> initializers = new LinkedHashMap<>();
    for (TensorProto tensor : graph.getInitializerList()) {
      initializers.put(tensor.getName(), tensor);
    }
    Map<String, NodeProto> consumers = new HashMap<>();
    for (NodeProto node : graph.getNodeList()) {
      if (QUANTISED_OPERATORS.contains(node.getOpType())) {
        throw new CheckpointException(
            source() + ": holds quantised weights (" + node.getOpType() + "), expected float weights");
      }
      node.getInputList().forEach(input -> consumers.put(input, node));
    }
    for (NodeProto node : graph.getNodeList()) {
      boolean gemm = node.getOpType().equals("Gemm");
      if ((gemm || node.getOpType().equals("MatMul")) && node.getInputCount() >= 2) {
        TensorProto weight = initializers.get(node.getInput(1));
        if (weight != null && weight.getDimsCount() == 2) {
          boolean transposed = !(gemm && attribute(node, "transB") == 1);
          String name = weightName(node, initializers, consumers);
          add(name, weight, transposed);
        }
      }
    }
    initializers.values().stream()
        .filter(tensor -> !entries.containsKey(unwrapped(tensor.getName())))
        .forEach(tensor -> add(unwrapped(tensor.getName()), tensor, false));
  }

  private static long attribute(NodeProto node, String name) {
    return node.getAttributeList().stream()
        .filter(a -> a.getName().equals(name))
        .mapToLong(a -> a.getI())
        .findFirst()
        .orElse(0);
  }

  private static String weightName(
      NodeProto node, Map<String, TensorProto> initializers, Map<String, NodeProto> consumers) {
    String weight = node.getInput(1);
    if (weight.endsWith(".weight")) {
      return unwrapped(weight);
    }
    NodeProto next = node.getOutputCount() > 0 ? consumers.get(node.getOutput(0)) : null;
    NodeProto biased = node.getOpType().equals("Gemm") ? node : next;
    if (biased != null && (biased == node || biased.getOpType().equals("Add"))) {
      for (String input : biased.getInputList()) {
        if (input.endsWith(".bias") && initializers.containsKey(input)) {
          return unwrapped(input.substring(0, input.length() - "bias".length()) + "weight");
        }
      }
    }
    String path = node.getName().replaceFirst("^/", "").replaceFirst("/(MatMul|Gemm)[^/]*$", "");
    return unwrapped(path.isEmpty() ? weight : path.replace('/', '.') + ".weight");
  }

  private static String unwrapped(String name) {
    Matcher matcher = WRAPPED.matcher(name);
    return matcher.matches() ? matcher.group(1) : name;
  }

  private void add(String name, TensorProto tensor, boolean transposed) {
    DType dtype = DTYPES.get(tensor.getDataType());
    if (dtype == null) {
      return;
    }
    long[] shape = tensor.getDimsList().stream().mapToLong(Long::longValue).toArray();
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new CheckpointException(
            source() + ": tensor " + tensor.getName() + " has the shape " + Tensor.format(shape));
      }
    }
    if (transposed) {
      shape = new long[] {shape[1], shape[0]};
    }
    entries.put(name, new Entry(tensor, dtype, shape, transposed));
  }

  /** What the graph tells of the architecture, in the fields of a {@code config.json}. */
  public ConfigJson config() {
    return OnnxArchitecture.config(source(), graph, this::shape);
  }

  private long[] shape(String name) {
    Entry entry = entries.get(name);
    return entry == null ? null : entry.shape().clone();
  }

  @Override
  public Path source() {
    return file.path();
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(entries.keySet());
  }

  @Override
  public Tensor tensor(String name, Arena target) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new CheckpointException(source() + ": no tensor " + name);
    }
    long[] stored =
        entry.transposed() ? new long[] {entry.shape()[1], entry.shape()[0]} : entry.shape();
    long expected;
    try {
      expected = Math.multiplyExact(Tensor.elements(stored), (long) entry.dtype().bytes());
    } catch (ArithmeticException e) {
      throw new CheckpointException(
          source() + ": tensor " + name + " of shape " + Tensor.format(stored) + " is too large", e);
    }
    MemorySegment data = data(name, entry, expected, target);
    if (data.byteSize() != expected) {
      throw new CheckpointException(
          String.format(
              "%s: tensor %s has %d bytes, expected %d for %s %s",
              source(), name, data.byteSize(), expected, entry.dtype(), Tensor.format(stored)));
    }
    Tensor tensor = Tensor.of(entry.dtype(), stored, data);
    return entry.transposed() ? tensor.transpose(0, 1) : tensor;
  }

  private MemorySegment data(String name, Entry entry, long expected, Arena target) {
    TensorProto proto = entry.proto();
    if (proto.getDataLocation() == EXTERNAL) {
      return external(name, proto, expected, target);
    }
    ByteString raw = proto.getRawData();
    if (!raw.isEmpty()) {
      MemorySegment place = MemorySegment.ofBuffer(raw.asReadOnlyByteBuffer());
      long offset = place.isNative() ? place.address() - bytes.address() : -1;
      if (offset >= 0 && offset + raw.size() <= bytes.byteSize()) {
        return file.map(offset, raw.size(), target);
      }
      return copy(place, target);
    }
    return switch (entry.dtype()) {
      case F32 -> copy(floats(proto), target);
      case I64 -> copy(longs(proto), target);
      case I32 -> copy(ints(proto), target);
      default -> MemorySegment.NULL;
    };
  }

  private static MemorySegment copy(MemorySegment from, Arena target) {
    return target.allocate(Math.max(1, from.byteSize()), 64).asSlice(0, from.byteSize()).copyFrom(from);
  }

  private static MemorySegment floats(TensorProto proto) {
    float[] values = new float[proto.getFloatDataCount()];
    for (int i = 0; i < values.length; i++) {
      values[i] = proto.getFloatData(i);
    }
    return MemorySegment.ofArray(values);
  }

  private static MemorySegment longs(TensorProto proto) {
    return MemorySegment.ofArray(proto.getInt64DataList().stream().mapToLong(Long::longValue).toArray());
  }

  private static MemorySegment ints(TensorProto proto) {
    return MemorySegment.ofArray(proto.getInt32DataList().stream().mapToInt(Integer::intValue).toArray());
  }

  private MemorySegment external(String name, TensorProto proto, long expected, Arena target) {
    Map<String, String> fields = new HashMap<>();
    for (StringStringEntryProto field : proto.getExternalDataList()) {
      fields.put(field.getKey(), field.getValue());
    }
    Path path = ModelFolder.inside(source(), fields.getOrDefault("location", ""));
    long offset = number(name, "offset", fields.getOrDefault("offset", "0"));
    long length = number(name, "length", fields.getOrDefault("length", Long.toString(expected)));
    try (CheckpointFile data = CheckpointFile.open(path)) {
      if (offset > data.size() || length > data.size() - offset) {
        throw new CheckpointException(
            String.format(
                "%s: tensor %s is at %d with %d bytes in %s, which has %d",
                source(), name, offset, length, path, data.size()));
      }
      return data.map(offset, length, target);
    }
  }

  private long number(String tensor, String field, String value) {
    try {
      long number = Long.parseLong(value);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Refused like a negative number.
    }
    throw new CheckpointException(
        String.format(
            "%s: tensor %s has the external %s \"%s\", expected a number of bytes",
            source(), tensor, field, value));
  }

  /** The elements of a small integer tensor, wherever the exporter put them. */
  static long[] integers(TensorProto tensor) {
    if (tensor.getRawData().isEmpty()) {
      return tensor.getInt64DataList().stream().mapToLong(Long::longValue).toArray();
    }
    byte[] raw = tensor.getRawData().toByteArray();
    return MemorySegment.ofArray(raw)
        .asSlice(0, raw.length / Long.BYTES * Long.BYTES)
        .toArray(ValueLayout.JAVA_LONG_UNALIGNED);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    file.close();
  }
}
