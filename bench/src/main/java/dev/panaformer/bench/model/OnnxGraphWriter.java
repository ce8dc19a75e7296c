package dev.panaformer.bench.model;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;

/**
 * Writes an ONNX graph, with random weights in a separate file. Field numbers are those of
 * onnx.proto.
 */
final class OnnxGraphWriter {
  static final int FLOAT = 1;
  static final int INT64 = 7;

  private static final int IR_VERSION = 8;
  private static final int OPSET = 17;
  private static final int EXTERNAL = 1;
  private static final String WEIGHTS = "weights.bin";

  private final ByteArrayOutputStream graph = new ByteArrayOutputStream();
  private long weightBytes;
  private int names;

  /** An attribute of a node: an int64, several int64, or a float. */
  record Attribute(String name, Object value) {}

  /** Adds a node and returns the name of its first output. */
  String node(String operator, String[] inputs, Attribute... attributes) {
    String output = "v" + names++;
    named(output, operator, inputs, attributes);
    return output;
  }

  /** Adds a node whose output has a given name. */
  void named(String output, String operator, String[] inputs, Attribute... attributes) {
    ByteArrayOutputStream node = new ByteArrayOutputStream();
    for (String input : inputs) {
      text(node, 1, input);
    }
    text(node, 2, output);
    text(node, 4, operator);
    for (Attribute attribute : attributes) {
      bytes(node, 5, encoded(attribute));
    }
    bytes(graph, 1, node.toByteArray());
  }

  private static byte[] encoded(Attribute attribute) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    text(out, 1, attribute.name);
    switch (attribute.value) {
      case Float f -> {
        varint(out, 2 << 3 | 5);
        out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(f).array());
        number(out, 20, 1);
      }
      case long[] several -> {
        for (long one : several) {
          number(out, 8, one);
        }
        number(out, 20, 7);
      }
      case Long one -> {
        number(out, 3, one);
        number(out, 20, 2);
      }
      default -> throw new IllegalArgumentException(attribute.toString());
    }
    return out.toByteArray();
  }

  /** Adds a weight with random values. */
  String weight(long... shape) {
    String name = "w" + names++;
    long bytes = Float.BYTES;
    for (long size : shape) {
      bytes *= size;
    }
    ByteArrayOutputStream tensor = tensor(name, FLOAT, shape);
    entry(tensor, "location", WEIGHTS);
    entry(tensor, "offset", Long.toString(weightBytes));
    entry(tensor, "length", Long.toString(bytes));
    number(tensor, 14, EXTERNAL);
    bytes(graph, 5, tensor.toByteArray());
    weightBytes += bytes;
    return name;
  }

  /** Adds a vector of integers. */
  String integers(long... values) {
    String name = "c" + names++;
    ByteArrayOutputStream tensor = tensor(name, INT64, values.length);
    ByteBuffer raw = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      raw.putLong(value);
    }
    bytes(tensor, 9, raw.array());
    bytes(graph, 5, tensor.toByteArray());
    return name;
  }

  /** Adds a scalar. */
  String scalar(float value) {
    String name = "c" + names++;
    ByteArrayOutputStream tensor = tensor(name, FLOAT);
    bytes(tensor, 9, ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
    bytes(graph, 5, tensor.toByteArray());
    return name;
  }

  private static ByteArrayOutputStream tensor(String name, int type, long... shape) {
    ByteArrayOutputStream tensor = new ByteArrayOutputStream();
    for (long size : shape) {
      number(tensor, 1, size);
    }
    number(tensor, 2, type);
    text(tensor, 8, name);
    return tensor;
  }

  private static void entry(ByteArrayOutputStream tensor, String key, String value) {
    ByteArrayOutputStream entry = new ByteArrayOutputStream();
    text(entry, 1, key);
    text(entry, 2, value);
    bytes(tensor, 13, entry.toByteArray());
  }

  void input(String name, int type, Object... shape) {
    bytes(graph, 11, value(name, type, shape));
  }

  void output(String name, int type, Object... shape) {
    bytes(graph, 12, value(name, type, shape));
  }

  /**
   * @param shape the size of each dimension, or its name if the size varies
   */
  private static byte[] value(String name, int type, Object... shape) {
    ByteArrayOutputStream dimensions = new ByteArrayOutputStream();
    for (Object size : shape) {
      ByteArrayOutputStream dimension = new ByteArrayOutputStream();
      if (size instanceof Integer fixed) {
        number(dimension, 1, fixed);
      } else {
        text(dimension, 2, (String) size);
      }
      bytes(dimensions, 1, dimension.toByteArray());
    }
    ByteArrayOutputStream tensorType = new ByteArrayOutputStream();
    number(tensorType, 1, type);
    bytes(tensorType, 2, dimensions.toByteArray());
    ByteArrayOutputStream typeProto = new ByteArrayOutputStream();
    bytes(typeProto, 1, tensorType.toByteArray());
    ByteArrayOutputStream value = new ByteArrayOutputStream();
    text(value, 1, name);
    bytes(value, 2, typeProto.toByteArray());
    return value.toByteArray();
  }

  /** Writes the model and its weights into a folder. */
  void write(Path folder) throws IOException {
    Files.createDirectories(folder);
    writeWeights(folder.resolve(WEIGHTS));
    text(graph, 2, "graph");
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    number(model, 1, IR_VERSION);
    bytes(model, 7, graph.toByteArray());
    ByteArrayOutputStream opset = new ByteArrayOutputStream();
    number(opset, 2, OPSET);
    bytes(model, 8, opset.toByteArray());
    Files.write(folder.resolve("model.onnx"), model.toByteArray());
  }

  private void writeWeights(Path file) throws IOException {
    SplittableRandom random = new SplittableRandom(2);
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      for (long left = weightBytes; left > 0; left -= buffer.capacity()) {
        buffer.clear().limit((int) Math.min(buffer.capacity(), left));
        while (buffer.hasRemaining()) {
          buffer.putFloat(Gpt2.noise(random));
        }
        buffer.flip();
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
      }
    }
  }

  private static void text(ByteArrayOutputStream out, int field, String value) {
    bytes(out, field, value.getBytes(StandardCharsets.UTF_8));
  }

  private static void bytes(ByteArrayOutputStream out, int field, byte[] value) {
    varint(out, (long) field << 3 | 2);
    varint(out, value.length);
    out.writeBytes(value);
  }

  private static void number(ByteArrayOutputStream out, int field, long value) {
    varint(out, (long) field << 3);
    varint(out, value);
  }

  private static void varint(ByteArrayOutputStream out, long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      out.write((int) (rest & 0x7f | 0x80));
      rest >>>= 7;
    }
    out.write((int) rest);
  }
}
