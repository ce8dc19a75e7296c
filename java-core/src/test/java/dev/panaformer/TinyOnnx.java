package dev.panaformer;

import com.google.protobuf.ByteString;
import dev.panaformer.checkpoint.onnx.AttributeProto;
import dev.panaformer.checkpoint.onnx.GraphProto;
import dev.panaformer.checkpoint.onnx.ModelProto;
import dev.panaformer.checkpoint.onnx.NodeProto;
import dev.panaformer.checkpoint.onnx.StringStringEntryProto;
import dev.panaformer.checkpoint.onnx.TensorProto;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A {@link TinyModel} as exporters write it: its weights, and the nodes that tell whose they are
 * and what the architecture is. The graph computes nothing.
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
  public static final int INT64 = 7;
  public static final int EXTERNAL = 1;

  /** To be changed before {@link #write}. */
  public final GraphProto.Builder graph = GraphProto.newBuilder();

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
        graph.addInitializer(initializer(wrapper + name, weight.getValue()));
      }
    }
    tellArchitecture();
  }

  private void addMatrix(String module, Tensor weight, Matrices matrices) {
    int number = graph.getNodeCount();
    String matrix = "onnx::MatMul_" + number;
    String product = "product_" + number;
    String bias = module + ".bias";
    Tensor stored = matrices == Matrices.GEMM ? weight : transposed(weight);
    graph.addInitializer(initializer(matrix, stored));
    NodeProto.Builder node = NodeProto.newBuilder().addInput("x").addInput(matrix);
    if (matrices == Matrices.GEMM) {
      AttributeProto transB = AttributeProto.newBuilder().setName("transB").setI(1).build();
      graph.addNode(node.setOpType("Gemm").addInput(bias).addOutput(product).addAttribute(transB));
      return;
    }
    if (matrices == Matrices.NODE_TELLS) {
      node.setName(
          "/" + module.replace('.', '/').replaceAll("layer/(\\d)", "layer.$1") + "/MatMul");
    }
    graph.addNode(node.setOpType("MatMul").addOutput(product));
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType("Add")
            .addInput(matrices == Matrices.NODE_TELLS ? "y" : bias)
            .addInput(product)
            .addOutput("sum_" + number));
  }

  /** Heads by a reshape, the activation and the epsilon by operators. */
  private void tellArchitecture() {
    graph.addInitializer(
        TensorProto.newBuilder()
            .setName("shape")
            .setDataType(INT64)
            .addDims(4)
            .addAllInt64Data(List.of(0L, 0L, 3L, TinyModel.HIDDEN / 3L)));
    graph.addNode(node("Add", "sum", "a", "b"));
    graph.addNode(node("Reshape", "heads", "sum", "shape"));
    graph.addNode(node("Gelu", "gelu", "heads"));
    graph.addNode(
        node("LayerNormalization", "norm", "gelu").toBuilder()
            .addAttribute(AttributeProto.newBuilder().setName("epsilon").setF(1e-12f)));
  }

  /** A node with neither name nor attributes. */
  public static NodeProto node(String operator, String output, String... inputs) {
    return NodeProto.newBuilder()
        .setOpType(operator)
        .addAllInput(List.of(inputs))
        .addOutput(output)
        .build();
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

  public static TensorProto initializer(String name, Tensor tensor) {
    float[] values = tensor.toFloats();
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return shaped(name, tensor.shape()).setRawData(ByteString.copyFrom(bytes.array())).build();
  }

  /** Floats of a shape, still without values. */
  public static TensorProto.Builder shaped(String name, long... shape) {
    TensorProto.Builder proto = TensorProto.newBuilder().setName(name).setDataType(FLOAT);
    for (long size : shape) {
      proto.addDims(size);
    }
    return proto;
  }

  /** Floats of a shape that lie in another file. */
  public static TensorProto external(
      String name, String location, String offset, String length, long... shape) {
    return shaped(name, shape)
        .setDataLocation(EXTERNAL)
        .addExternalData(entry("location", location))
        .addExternalData(entry("offset", offset))
        .addExternalData(entry("length", length))
        .build();
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /** Replaces the initializer of that name. */
  public void replace(TensorProto by) {
    for (int i = 0; i < graph.getInitializerCount(); i++) {
      if (graph.getInitializer(i).getName().equals(by.getName())) {
        graph.setInitializer(i, by);
        return;
      }
    }
    throw new IllegalArgumentException("no initializer " + by.getName());
  }

  public byte[] bytes() {
    return ModelProto.newBuilder().setGraph(graph).build().toByteArray();
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
