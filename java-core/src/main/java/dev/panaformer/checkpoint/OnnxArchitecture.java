package dev.panaformer.checkpoint;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.panaformer.checkpoint.onnx.AttributeProto;
import dev.panaformer.checkpoint.onnx.GraphProto;
import dev.panaformer.checkpoint.onnx.NodeProto;
import dev.panaformer.checkpoint.onnx.TensorProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Reads a config.json off the graph of a BERT-family export: extents from the shapes of weights, the
 * rest from the constants and operators in between.
 */
final class OnnxArchitecture {
  private static final int FLOAT = 1;
  private static final int INT64 = 7;
  private static final double LARGEST_EPS = 1e-3;

  private final Path source;
  private final GraphProto graph;
  private final Function<String, long[]> shapes;

  private OnnxArchitecture(Path source, GraphProto graph, Function<String, long[]> shapes) {
    this.source = source;
    this.graph = graph;
    this.shapes = shapes;
  }

  /**
   * @param shapes the shape of the weight of this name, or null
   * @throws CheckpointException if the graph does not tell, naming what is missing
   */
  static ConfigJson config(Path source, GraphProto graph, Function<String, long[]> shapes) {
    return ConfigJson.of(source, new OnnxArchitecture(source, graph, shapes).read());
  }

  private JsonObject read() {
    String base = "";
    for (String prefix : List.of("", "bert.", "roberta.", "distilbert.")) {
      if (shapes.apply(prefix + "embeddings.word_embeddings.weight") != null) {
        base = prefix;
      }
    }
    long[] words = require(base + "embeddings.word_embeddings.weight");
    long[] positions = require(base + "embeddings.position_embeddings.weight");
    long[] types = shapes.apply(base + "embeddings.token_type_embeddings.weight");
    boolean distil = shapes.apply(base + "transformer.layer.0.attention.q_lin.weight") != null;
    String layer = base + (distil ? "transformer.layer." : "encoder.layer.");
    String up = distil ? ".ffn.lin1.weight" : ".intermediate.dense.weight";
    long hidden = words[1];
    int layers = 0;
    while (shapes.apply(layer + layers + up) != null) {
      layers++;
    }
    boolean roberta = types != null && types[0] == 1;
    String type = distil ? "distilbert" : roberta ? "roberta" : "bert";
    JsonObject json = new JsonObject();
    JsonArray architectures = new JsonArray();
    architectures.add(distil ? "DistilBertModel" : roberta ? "RobertaModel" : "BertModel");
    json.add("architectures", architectures);
    json.addProperty("model_type", type);
    json.addProperty("vocab_size", words[0]);
    json.addProperty(distil ? "dim" : "hidden_size", hidden);
    json.addProperty(distil ? "n_layers" : "num_hidden_layers", layers);
    json.addProperty(distil ? "n_heads" : "num_attention_heads", hidden / headDim(hidden));
    json.addProperty(distil ? "hidden_dim" : "intermediate_size", require(layer + 0 + up)[0]);
    json.addProperty(distil ? "activation" : "hidden_act", activation());
    json.addProperty("max_position_embeddings", positions[0]);
    json.addProperty("pad_token_id", roberta ? 1 : 0);
    if (types != null) {
      json.addProperty("type_vocab_size", types[0]);
    }
    json.addProperty("layer_norm_eps", eps());
    return json;
  }

  private long[] require(String name) {
    long[] shape = shapes.apply(name);
    if (shape == null || shape.length != 2) {
      throw new CheckpointException(
          source + ": no matrix " + name + ", expected the export of a BERT-family model");
    }
    return shape;
  }

  /** Constants of the graph by the name under which nodes take them. */
  private Map<String, TensorProto> constants() {
    Map<String, TensorProto> constants = new LinkedHashMap<>();
    for (TensorProto tensor : graph.getInitializerList()) {
      constants.put(tensor.getName(), tensor);
    }
    for (NodeProto node : graph.getNodeList()) {
      for (AttributeProto attribute : node.getAttributeList()) {
        if (node.getOpType().equals("Constant") && attribute.hasT() && node.getOutputCount() == 1) {
          constants.put(node.getOutput(0), attribute.getT());
        }
      }
    }
    return constants;
  }

  /**
   * The last extent of the shape that queries are brought into, or what scores are divided by: two
   * traces that one layer leaves in any export.
   */
  private long headDim(long hidden) {
    Map<String, TensorProto> constants = constants();
    for (NodeProto node : graph.getNodeList()) {
      if (node.getOpType().equals("Div") || node.getOpType().equals("Mul")) {
        for (String input : node.getInputList()) {
          double value = scalar(constants.get(input));
          // Scores divided by sqrt(d), or multiplied by its inverse, or both factors by d^(-1/4).
          for (double d : new double[] {value * value, 1 / (value * value), Math.pow(value, -4)}) {
            long rounded = Math.round(d);
            boolean plausible = rounded >= 8 && rounded <= 256 && hidden % rounded == 0;
            if (plausible && Math.abs(d - rounded) < 1e-3 * rounded) {
              return rounded;
            }
          }
        }
      }
    }
    List<Long> extents = new ArrayList<>();
    for (TensorProto tensor : constants.values()) {
      if (tensor.getDataType() == INT64 && tensor.getDimsCount() <= 1) {
        for (long value : OnnxCheckpoint.integers(tensor)) {
          extents.add(value);
        }
      }
    }
    for (int i = 1; i < extents.size(); i++) {
      long heads = extents.get(i - 1);
      long dim = extents.get(i);
      if (heads > 1 && dim >= 8 && dim <= 256 && heads * dim == hidden) {
        return dim;
      }
    }
    throw new CheckpointException(
        source + ": the graph does not tell the number of attention heads; put a config.json beside it");
  }

  private static double scalar(TensorProto tensor) {
    if (tensor == null || tensor.getDataType() != FLOAT) {
      return Double.NaN;
    }
    if (tensor.getFloatDataCount() == 1) {
      return tensor.getFloatData(0);
    }
    ByteBuffer raw = tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    return raw.remaining() == Float.BYTES ? raw.getFloat() : Double.NaN;
  }

  private String activation() {
    int tanh = 0;
    for (NodeProto node : graph.getNodeList()) {
      switch (node.getOpType()) {
        case "Erf" -> {
          return "gelu";
        }
        case "Gelu" -> {
          boolean approximate =
              node.getAttributeList().stream().anyMatch(a -> a.getS().toStringUtf8().equals("tanh"));
          return approximate ? "gelu_new" : "gelu";
        }
        case "Relu" -> {
          return "relu";
        }
        case "Tanh" -> tanh++;
        default -> {}
      }
    }
    if (tanh > 1) {
      return "gelu_new";
    }
    throw new CheckpointException(
        source + ": the graph does not tell the activation; put a config.json beside it");
  }

  private double eps() {
    Map<String, TensorProto> constants = constants();
    for (NodeProto node : graph.getNodeList()) {
      if (node.getOpType().equals("LayerNormalization")) {
        return node.getAttributeList().stream()
            .filter(a -> a.getName().equals("epsilon"))
            .mapToDouble(a -> shortest(a.getF()))
            .findFirst()
            .orElse(1e-5);
      }
      if (node.getOpType().equals("Add")) {
        for (String input : node.getInputList()) {
          double value = scalar(constants.get(input));
          if (value > 0 && value <= LARGEST_EPS) {
            return shortest((float) value);
          }
        }
      }
    }
    throw new CheckpointException(
        source + ": the graph does not tell LayerNorm's epsilon; put a config.json beside it");
  }

  /** 1e-12 rather than the digits of the float nearest to it. */
  private static double shortest(float value) {
    return Double.parseDouble(Float.toString(value));
  }
}
