package dev.panaformer;

import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A {@link TinyModel} as exporters write it: its weights, and the nodes that tell whose they are
 * and what the architecture is. The graph computes nothing. Numbers of fields are those of
 * onnx.proto.
 */
public final class TinyOnnx {
  /** How matrices are stored and how their names are to be found. */
  public enum Matrices {
    /** Under their names, {@code [out, in]}. */
    NAMED,
    /** {@code [in, out]} without a name; a bias that has one is added to the product. */
    BIAS_TELLS,
    /** {@code [in, out]} without a name; the node has the module's. */
    NODE_TELLS,
    /** {@code [out, in]} without a name, beside a named bias. */
    GEMM
  }

  public static final int FLOAT = 1;
  public static final int DOUBLE = 11;
  public static final int FLOAT16 = 10;
  private static final int INT64 = 7;
  private static final int EXTERNAL = 1;

  /** NodeProtos. To be changed before {@link #write}, like the initializers. */
  public final List<ProtobufMessage> nodes = new ArrayList<>();

  /** TensorProtos by their names. */
  public final Map<String, ProtobufMessage> initializers = new LinkedHashMap<>();

  /**
   * @param wrapper what stands before every name, perhaps nothing
   */
  public TinyOnnx(TinyModel model, Matrices matrices, String wrapper) {
    for (Map.Entry<String, Tensor> weight : model.weights.entrySet()) {
      String name = weight.getKey();
      String module = name.substring(0, name.lastIndexOf('.'));
      boolean linear = weight.getValue().rank() == 2 && model.weights.containsKey(module + ".bias");
      if (linear && matrices != Matrices.NAMED && name.endsWith(".weight")) {
        addMatrix(wrapper + module, weight.getValue(), matrices);
      } else {
        initializers.put(wrapper + name, initializer(wrapper + name, weight.getValue()));
      }
    }
    tellArchitecture();
  }

  private void addMatrix(String module, Tensor weight, Matrices matrices) {
    int number = nodes.size();
    String matrix = "onnx::MatMul_" + number;
    String product = "product_" + number;
    String bias = module + ".bias";
    Tensor stored = matrices == Matrices.GEMM ? weight : transposed(weight);
    initializers.put(matrix, initializer(matrix, stored));
    if (matrices == Matrices.GEMM) {
      nodes.add(
          node("Gemm", product, "x", matrix, bias).message(5, attribute("transB").varint(3, 1)));
      return;
    }
    ProtobufMessage node = node("MatMul", product, "x", matrix);
    if (matrices == Matrices.NODE_TELLS) {
      node.text(
          3, "/" + module.replace('.', '/').replaceAll("layer/(\\d)", "layer.$1") + "/MatMul");
    }
    nodes.add(node);
    nodes.add(node("Add", "sum_" + number, matrices == Matrices.NODE_TELLS ? "y" : bias, product));
  }

  /** Heads by a reshape, the activation and the epsilon by operators. */
  private void tellArchitecture() {
    initializers.put("shape", tensor("shape", INT64, 4).packed(7, 0, 0, 3, TinyModel.HIDDEN / 3));
    nodes.add(node("Add", "sum", "a", "b"));
    nodes.add(node("Reshape", "heads", "sum", "shape"));
    nodes.add(node("Gelu", "gelu", "heads"));
    nodes.add(
        node("LayerNormalization", "norm", "gelu")
            .message(5, attribute("epsilon").float32(2, 1e-12f)));
  }

  /** A node with neither name nor attributes. */
  public static ProtobufMessage node(String operator, String output, String... inputs) {
    return new ProtobufMessage().text(1, inputs).text(2, output).text(4, operator);
  }

  private static ProtobufMessage attribute(String name) {
    return new ProtobufMessage().text(1, name);
  }

  private static Tensor transposed(Tensor matrix) {
    int rows = (int) matrix.shape()[0];
    int columns = (int) matrix.shape()[1];
    float[] from = matrix.toFloats();
    float[] to = new float[from.length];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        to[j * rows + i] = from[i * columns + j];
      }
    }
    return Tensor.ofFloats(to, columns, rows);
  }

  public static ProtobufMessage initializer(String name, Tensor tensor) {
    return tensor(name, FLOAT, tensor.shape()).bytes(9, rawData(tensor));
  }

  /** The elements as the file stores them. */
  public static byte[] rawData(Tensor tensor) {
    float[] values = tensor.toFloats();
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  /** A tensor without elements yet. */
  public static ProtobufMessage tensor(String name, int type, long... shape) {
    return new ProtobufMessage().varint(1, shape).varint(2, type).text(8, name);
  }

  /** Floats of a shape that lie in another file. */
  public static ProtobufMessage external(
      String name, String location, String offset, String length, long... shape) {
    return tensor(name, FLOAT, shape)
        .message(13, entry("location", location))
        .message(13, entry("offset", offset))
        .message(13, entry("length", length))
        .varint(14, EXTERNAL);
  }

  private static ProtobufMessage entry(String key, String value) {
    return new ProtobufMessage().text(1, key).text(2, value);
  }

  /** Replaces the initializer of that name. */
  public void replace(String name, ProtobufMessage by) {
    if (initializers.put(name, by) == null) {
      throw new IllegalArgumentException("no initializer " + name);
    }
  }

  public byte[] bytes() {
    ProtobufMessage graph = new ProtobufMessage();
    nodes.forEach(node -> graph.message(1, node));
    initializers.values().forEach(tensor -> graph.message(5, tensor));
    return new ProtobufMessage().message(7, graph).toByteArray();
  }

  /** Writes model.onnx. */
  public Path write(Path folder) {
    try {
      return Files.write(folder.resolve("model.onnx"), bytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
