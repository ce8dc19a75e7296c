package dev.panaformer.cli.verify;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The tensors and attributes of one operator call. If a tensor or an attribute is not read before
 * the call, the operator does not support it, and its result could not match. {@link
 * #requireAllRead} refuses such a case.
 */
final class Operands implements AutoCloseable {
  private final SafetensorsCheckpoint file;
  private final Arena arena;
  private final Kernels kernels;
  private final NativeMemory memory;
  private final String operator;
  private final JsonObject attributes;
  private final Set<String> unread;

  /**
   * @param kernels the kernels in whose memory the tensors are placed
   */
  Operands(SafetensorsCheckpoint file, Arena arena, Kernels kernels) {
    this.file = file;
    this.arena = arena;
    this.kernels = kernels;
    Map<String, String> metadata = file.metadata();
    this.operator = metadata.get("op");
    if (operator == null) {
      throw new CheckpointException(file.source() + ": no \"op\" in the metadata, so no case");
    }
    this.attributes = parse(metadata.getOrDefault("attributes", "{}"));
    this.unread = new LinkedHashSet<>(file.names());
    unread.removeIf(Operands::isOutput);
    this.memory = kernels.memory().allocator(new NativeMemory());
  }

  /** Whether a tensor is an output. Outputs are called {@code y} or {@code y_…}. */
  static boolean isOutput(String name) {
    return name.equals("y") || name.startsWith("y_");
  }

  String operator() {
    return operator;
  }

  /** The names of the reference's outputs. */
  Set<String> outputs() {
    Set<String> outputs = new TreeSet<>(file.names());
    outputs.removeIf(name -> !isOutput(name));
    return outputs;
  }

  float[] output(String name) {
    return file.tensor(name, arena).toFloats();
  }

  boolean has(String name) {
    return file.names().contains(name);
  }

  long[] shape(String name) {
    return file.tensor(name, arena).shape();
  }

  /** The size of a tensor along a dimension. Negative dimensions count from the end. */
  long size(String name, int dimension) {
    long[] shape = shape(name);
    int index = dimension < 0 ? shape.length + dimension : dimension;
    if (index < 0 || index >= shape.length) {
      throw new CheckpointException(
          String.format("%s: %s is %s", file.source(), name, Tensor.format(shape)));
    }
    return shape[index];
  }

  /** The elements of a tensor as float32, after its shape has been checked. */
  MemorySegment floats(String name, long... shape) {
    return place(hostFloats(name, shape));
  }

  /** Like {@link #floats}, but in host memory. */
  MemorySegment hostFloats(String name, long... shape) {
    unread.remove(name);
    Tensor tensor = file.tensor(name, arena);
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new CheckpointException(
          String.format(
              "%s: %s is %s, expected %s",
              file.source(), name, tensor.shapeString(), Tensor.format(shape)));
    }
    return tensor.toFloat32(arena);
  }

  /** Copies floats from host memory to the kernels' memory. */
  MemorySegment place(MemorySegment host) {
    return kernels
        .memory()
        .place(memory, allocator -> allocator.allocate(host.byteSize()).copyFrom(host));
  }

  /** Like {@link #floats}, but {@link MemorySegment#NULL} if there is no such tensor. */
  MemorySegment optionalFloats(String name, long... shape) {
    return has(name) ? floats(name, shape) : MemorySegment.NULL;
  }

  long[] longs(String name) {
    unread.remove(name);
    return file.tensor(name, arena).toLongs();
  }

  /** The kernels' memory, for tensors that live as long as the case. */
  SegmentAllocator allocator() {
    return memory;
  }

  /** Host memory that lives as long as the case. */
  SegmentAllocator hostAllocator() {
    return arena;
  }

  MemorySegment allocateFloats(long count) {
    return memory.allocate(Math.multiplyExact(count, 4L), 64);
  }

  float[] read(MemorySegment floats, Workspace workspace) {
    long count = floats.byteSize() / Float.BYTES;
    return TracedModel.read(kernels, floats, new long[] {count}, workspace);
  }

  @Override
  public void close() {
    memory.close();
  }

  /** The value of an attribute that is a number. The attribute counts as read. */
  double number(String name) {
    if (!attributes.has(name)) {
      throw new CheckpointException(file.source() + ": no attribute " + name);
    }
    return attributes.remove(name).getAsDouble();
  }

  boolean hasNumber(String name) {
    return attributes.has(name);
  }

  boolean flag(String name) {
    return attributes.has(name) && attributes.remove(name).getAsBoolean();
  }

  /** Refuses the case if the attribute has another value than the one that is implemented. */
  void expect(String name, String implemented) {
    if (attributes.has(name)) {
      String value = attributes.remove(name).getAsString();
      if (!value.equals(implemented)) {
        throw new UnsupportedCaseException(name + " " + value);
      }
    }
  }

  /**
   * The value of the attribute {@code activation}, or {@link Activation#NONE} if there is no such
   * attribute.
   */
  Activation activation() {
    return attributes.has("activation")
        ? activation(attributes.remove("activation").getAsString())
        : Activation.NONE;
  }

  static Activation activation(String name) {
    return switch (name) {
      case "none", "identity" -> Activation.NONE;
      case "relu" -> Activation.RELU;
      case "gelu" -> Activation.GELU_ERF;
      case "gelu_tanh" -> Activation.GELU_TANH;
      case "quick_gelu" -> Activation.GELU_QUICK;
      case "silu" -> Activation.SILU;
      case "tanh" -> Activation.TANH;
      default -> throw new UnsupportedCaseException("activation " + name);
    };
  }

  /** Refuses tensors and attributes that were not read. Call it before the operator runs. */
  void requireAllRead() {
    if (!unread.isEmpty()) {
      throw new UnsupportedCaseException(operator + " with " + String.join(", ", unread));
    }
    if (attributes.size() > 0) {
      throw new UnsupportedCaseException(
          operator + " with " + String.join(", ", attributes.keySet()));
    }
  }

  private JsonObject parse(String json) {
    try {
      return JsonParser.parseString(json).getAsJsonObject();
    } catch (JsonParseException | IllegalStateException e) {
      throw new CheckpointException(file.source() + ": attributes are no JSON object", e);
    }
  }
}
