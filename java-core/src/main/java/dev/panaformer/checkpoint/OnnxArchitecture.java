package dev.panaformer.checkpoint;

import dev.panaformer.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Derives a config.json from the graph of an exported BERT-family model. Dimensions come from the
 * shapes of the weights, everything else from constants and operators of the graph.
 */
final class OnnxArchitecture {
  /** The operator's default if a node has no epsilon. */
  private static final double DEFAULT_EPSILON = 1e-5;

  private final Path source;
  private final Map<String, long[]> shapes;
  private final List<OnnxNode> nodes;
  private final Map<String, OnnxNode> producers = new HashMap<>();
  private final Map<String, OnnxTensor> constants;

  private OnnxArchitecture(Path source, OnnxGraph graph, Map<String, long[]> shapes) {
    this.source = source;
    this.shapes = shapes;
    nodes = graph.nodes();
    constants = graph.initializers();
    for (OnnxNode node : nodes) {
      node.outputs().forEach(output -> producers.put(output, node));
    }
  }

  /**
   * @param shapes the shapes of the parameters, by their Hugging Face names
   * @throws CheckpointException if the graph lacks the information, naming what is missing
   */
  static ConfigJson config(Path source, OnnxGraph graph, Map<String, long[]> shapes) {
    return ConfigJson.of(source, new OnnxArchitecture(source, graph, shapes).read());
  }

  private Map<String, Object> read() {
    String base =
        List.of("", "bert.", "roberta.", "distilbert.").stream()
            .filter(prefix -> shapes.containsKey(prefix + "embeddings.word_embeddings.weight"))
            .findFirst()
            .orElse("");
    long[] words = matrix(base + "embeddings.word_embeddings.weight");
    long[] positions = matrix(base + "embeddings.position_embeddings.weight");
    boolean distil = shapes.containsKey(base + "transformer.layer.0.attention.q_lin.weight");
    String layer = base + (distil ? "transformer.layer." : "encoder.layer.");
    String up = distil ? ".ffn.lin1.weight" : ".intermediate.dense.weight";
    int layers = 0;
    while (shapes.containsKey(layer + layers + up)) {
      layers++;
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("vocab_size", words[0]);
    json.put("max_position_embeddings", positions[0]);
    json.put(distil ? "dim" : "hidden_size", words[1]);
    json.put(distil ? "n_layers" : "num_hidden_layers", layers);
    json.put(distil ? "n_heads" : "num_attention_heads", words[1] / headDim(words[1]));
    json.put(distil ? "hidden_dim" : "intermediate_size", matrix(layer + 0 + up)[0]);
    json.put(distil ? "activation" : "hidden_act", activation(layers));
    json.put("layer_norm_eps", epsilon());
    String classes = "DistilBert";
    if (distil) {
      json.put("model_type", "distilbert");
    } else {
      json.put("type_vocab_size", matrix(base + "embeddings.token_type_embeddings.weight")[0]);
      // Of this family, only RoBERTa counts positions from the padding id, which takes a running
      // sum.
      boolean roberta = count("CumSum") > 0;
      json.put("model_type", roberta ? "roberta" : "bert");
      json.put("pad_token_id", roberta ? paddingId() : 0);
      classes = roberta ? "Roberta" : "Bert";
    }
    addHead(json, classes);
    return json;
  }

  private CheckpointException untold(String what) {
    return new CheckpointException(
        source + ": the graph does not tell " + what + "; put the model's config.json beside it");
  }

  private long[] matrix(String name) {
    long[] shape = shapes.get(name);
    if (shape == null || shape.length != 2 || shape[0] < 1 || shape[1] < 1) {
      // In an export for a fixed number of tokens, the positions are folded into a constant.
      throw new CheckpointException(
          String.format(
              "%s: %s is %s, expected a matrix, as in the export of a BERT-family model for any"
                  + " number of tokens",
              source, name, shape == null ? "missing" : "of shape " + Arrays.toString(shape)));
    }
    return shape;
  }

  private void addHead(Map<String, Object> json, String classes) {
    Set<String> names = shapes.keySet();
    String task = "Model";
    if (names.contains("qa_outputs.weight")) {
      task = "ForQuestionAnswering";
    } else if (names.contains("cls.predictions.bias")
        || names.contains("lm_head.bias")
        || names.contains("vocab_projector.bias")) {
      task = "ForMaskedLM";
    } else if (names.contains("classifier.out_proj.weight")) {
      task = "ForSequenceClassification";
      addLabels(json, "classifier.out_proj.weight");
    } else if (names.contains("classifier.weight")) {
      boolean pooled =
          names.contains("pre_classifier.weight") || names.contains("bert.pooler.dense.weight");
      task = pooled ? "ForSequenceClassification" : "ForTokenClassification";
      addLabels(json, "classifier.weight");
    }
    json.put("architectures", List.of(classes + task));
  }

  /** Adds the default label names of Hugging Face. */
  private void addLabels(Map<String, Object> json, String classifier) {
    Map<String, Object> labels = new LinkedHashMap<>();
    for (int i = 0; i < matrix(classifier)[0]; i++) {
      labels.put(Integer.toString(i), "LABEL_" + i);
    }
    json.put("id2label", labels);
  }

  private long count(String operator) {
    return nodes.stream().filter(node -> node.operator().equals(operator)).count();
  }

  /**
   * The dimension of a head, read from the reshaping of projections to {@code [batch, tokens,
   * heads, headDim]}.
   */
  private long headDim(long hidden) {
    Set<String> linear = Set.of("Add", "MatMul", "Gemm");
    for (OnnxNode node : nodes) {
      if (!node.operator().equals("Reshape") || node.inputs().size() != 2) {
        continue;
      }
      OnnxNode projection = producers.get(node.inputs().get(0));
      if (projection == null || !linear.contains(projection.operator())) {
        continue;
      }
      long last = lastOfFour(node.inputs().get(1));
      if (last > 0 && hidden % last == 0) {
        return last;
      }
    }
    throw untold("the number of attention heads");
  }

  /**
   * The last of four dimensions that are a constant, or a concatenation of several; otherwise -1.
   */
  private long lastOfFour(String name) {
    OnnxNode producer = producers.get(name);
    if (producer != null && producer.operator().equals("Concat")) {
      if (producer.inputs().size() != 4) {
        return -1;
      }
      String last = producer.inputs().get(3);
      OnnxNode unsqueeze = producers.get(last);
      if (unsqueeze != null && unsqueeze.operator().equals("Unsqueeze")) {
        last = unsqueeze.inputs().get(0);
      }
      long[] extent = integers(last);
      return extent.length == 1 ? extent[0] : -1;
    }
    long[] extents = integers(name);
    return extents.length == 4 ? extents[3] : -1;
  }

  /**
   * Recognises the activation. A GELU is a single operator or contains a characteristic one (Erf,
   * Tanh). Other activations are operators themselves.
   */
  private String activation(int layers) {
    long inHeads =
        shapes.keySet().stream()
            .filter(n -> n.endsWith("pooler.dense.weight") || n.equals("classifier.dense.weight"))
            .count();
    for (OnnxNode node : nodes) {
      if (node.operator().equals("Gelu")) {
        boolean tanh = node.attribute("approximate").filter(a -> a.is("tanh")).isPresent();
        return tanh ? "gelu_new" : "gelu";
      }
    }
    if (count("Erf") >= layers) {
      return "gelu";
    }
    if (count("Tanh") >= layers + inHeads) {
      return "gelu_new";
    }
    if (count("Relu") >= layers) {
      return "relu";
    }
    throw untold("the activation");
  }

  private double epsilon() {
    for (OnnxNode node : nodes) {
      if (node.operator().equals("LayerNormalization")) {
        return node.attribute("epsilon").map(a -> shortest(a.number())).orElse(DEFAULT_EPSILON);
      }
      if (node.operator().equals("Sqrt") && node.inputs().size() == 1) {
        OnnxNode sum = producers.get(node.inputs().get(0));
        if (sum != null && sum.operator().equals("Add") && sum.inputs().size() == 2) {
          for (String input : sum.inputs()) {
            Optional<Float> epsilon = scalar(input);
            if (epsilon.isPresent()) {
              return shortest(epsilon.get());
            }
          }
        }
      }
    }
    throw untold("the epsilon of LayerNorm");
  }

  /**
   * The shortest decimal number that is nearest to the float: 1e-12 instead of its exact digits.
   */
  private static double shortest(float value) {
    return Double.parseDouble(Float.toString(value));
  }

  /** The padding id, read from the constant that the input ids are compared with. */
  private long paddingId() {
    for (OnnxNode node : nodes) {
      if (node.operator().equals("Equal")) {
        for (String input : node.inputs()) {
          long[] id = integers(input);
          if (id.length == 1 && id[0] >= 0) {
            return id[0];
          }
        }
      }
    }
    throw untold("the padding id");
  }

  private Optional<OnnxTensor> constant(String name) {
    OnnxNode producer = producers.get(name);
    return producer != null && producer.operator().equals("Constant")
        ? producer.attribute("value").flatMap(OnnxNode.Attribute::tensor)
        : Optional.ofNullable(constants.get(name));
  }

  /** The int64 elements of a constant; an empty array if it is not an int64 constant. */
  private long[] integers(String name) {
    OnnxNode producer = producers.get(name);
    if (producer != null && producer.operator().equals("Constant")) {
      Optional<OnnxNode.Attribute> list = producer.attribute("value_ints");
      if (list.isPresent()) {
        return list.get().integers();
      }
    }
    return constant(name)
        .filter(tensor -> tensor.dataType() == OnnxTensor.INT64)
        .map(tensor -> tensor.constant(DType.I64))
        .filter(values -> values.remaining() % Long.BYTES == 0)
        .map(OnnxArchitecture::toArray)
        .orElse(new long[0]);
  }

  private static long[] toArray(ByteBuffer raw) {
    long[] values = new long[raw.remaining() / Long.BYTES];
    raw.asLongBuffer().get(values);
    return values;
  }

  private Optional<Float> scalar(String name) {
    return constant(name)
        .filter(tensor -> tensor.dataType() == OnnxTensor.FLOAT)
        .map(tensor -> tensor.constant(DType.F32))
        .filter(values -> values.remaining() == Float.BYTES)
        .map(ByteBuffer::getFloat);
  }
}
