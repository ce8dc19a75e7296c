package dev.panaformer.checkpoint;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The nodes of an ONNX model and its weights by name. The file is mapped while the graph is used,
 * and its weights are neither read nor copied.
 *
 * <p>Format: <a href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">onnx.proto</a>, whose
 * names and numbers the classes of this package use.
 */
final class OnnxGraph implements AutoCloseable {
  /** {@code ModelProto.graph}. */
  private static final int GRAPH = 7;

  /** {@code GraphProto.node}. */
  private static final int NODE = 1;

  /** {@code GraphProto.initializer}. */
  private static final int INITIALIZER = 5;

  private final Arena arena = Arena.ofConfined();
  private final List<OnnxNode> nodes = new ArrayList<>();
  private final Map<String, OnnxTensor> initializers = new LinkedHashMap<>();

  private OnnxGraph() {}

  /**
   * Reads the graph of a file.
   *
   * @throws CheckpointException if the file holds no ONNX model
   */
  static OnnxGraph read(CheckpointFile file) {
    OnnxGraph graph = new OnnxGraph();
    try {
      graph.readModel(file);
      return graph;
    } catch (Throwable e) {
      graph.close();
      throw e;
    }
  }

  private void readModel(CheckpointFile file) {
    ProtobufReader model =
        ProtobufReader.of(file.path(), "an ONNX model", file.map(0, file.size(), arena));
    while (model.next()) {
      if (model.field() == GRAPH) {
        readGraph(file, model.message());
      }
    }
    if (nodes.isEmpty()) {
      throw new CheckpointException(file.path() + ": no graph, expected an ONNX model");
    }
  }

  private void readGraph(CheckpointFile file, ProtobufReader in) {
    while (in.next()) {
      switch (in.field()) {
        case NODE -> nodes.add(OnnxNode.read(in.message()));
        case INITIALIZER -> {
          OnnxTensor tensor = OnnxTensor.read(in.message());
          if (initializers.put(tensor.name(), tensor) != null) {
            throw new CheckpointException(
                String.format("%s: tensor %s appears twice", file.path(), tensor.name()));
          }
        }
        default -> {}
      }
    }
  }

  /** Reads a {@code StringStringEntryProto}. Of equal keys, the first one counts. */
  static void readEntry(ProtobufReader in, Map<String, String> entries) {
    String key = "";
    String value = "";
    while (in.next()) {
      switch (in.field()) {
        case 1 -> key = in.string();
        case 2 -> value = in.string();
        default -> {}
      }
    }
    entries.putIfAbsent(key, value);
  }

  List<OnnxNode> nodes() {
    return nodes;
  }

  Map<String, OnnxTensor> initializers() {
    return initializers;
  }

  @Override
  public void close() {
    arena.close();
  }
}
