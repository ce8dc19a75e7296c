package dev.panaformer.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Maps the tensors of an ONNX file to the parameters of the model.
 *
 * <p>Exporters keep the name of a parameter only if they do not change it. They transpose the
 * weight of a linear layer and give it a name like {@code onnx::MatMul_1312}. Parameters with equal
 * values share one tensor under the name of one of them. A parameter is therefore named after the
 * module that uses it. PyTorch stores the module in the name of the node ({@code
 * /encoder/layer.0/output/dense/MatMul}) or in its metadata. In older exports it follows from the
 * bias that is added afterwards. If all of this is missing, the parameter keeps its own name.
 */
final class OnnxWeightNames {
  private static final Set<String> QUANTISED_OPERATORS =
      Set.of(
          "ConvInteger",
          "DequantizeLinear",
          "DynamicQuantizeLinear",
          "MatMulInteger",
          "QLinearMatMul",
          "QuantizeLinear");

  /** The domain of the fused operators that ONNX Runtime's optimiser creates. */
  private static final String FUSED_DOMAIN = "com.microsoft";

  /** The metadata key for the modules that contain a node, outermost first. */
  private static final String SCOPES = "pkg.torch.onnx.name_scopes";

  private static final String WORD_EMBEDDINGS = "embeddings.word_embeddings.weight";

  /** Prefixes of the base model in models with a head. */
  private static final List<String> BASES = List.of("bert.", "roberta.", "distilbert.");

  /** Parameters that Hugging Face's files store only under the second name. */
  private static final Map<String, String> TIED =
      Map.of(
          "cls.predictions.decoder.bias", "cls.predictions.bias",
          "lm_head.decoder.bias", "lm_head.bias");

  /** A tensor of the file, and whether it is stored transposed. */
  record Use(String initializer, boolean transposed) {}

  /** The initializers by their own names and by the names of Identity nodes that forward them. */
  private final Map<String, OnnxTensor> initializers;

  private final Map<String, OnnxNode> consumers = new HashMap<>();
  private final Map<String, Use> uses = new LinkedHashMap<>();

  private OnnxWeightNames(OnnxGraph graph) {
    initializers = new LinkedHashMap<>(graph.initializers());
    for (OnnxNode node : graph.nodes()) {
      if (node.operator().equals("Identity") && rank(node, 0) >= 0) {
        node.outputs()
            .forEach(
                alias -> initializers.putIfAbsent(alias, initializers.get(node.inputs().get(0))));
      }
      node.inputs().forEach(input -> consumers.putIfAbsent(input, node));
    }
  }

  /**
   * Maps the name of each parameter to its tensor.
   *
   * @throws CheckpointException if the weights are quantised, or operators of the graph are fused
   */
  static Map<String, Use> of(Path source, OnnxGraph graph) {
    OnnxWeightNames names = new OnnxWeightNames(graph);
    for (OnnxNode node : graph.nodes()) {
      refuseRewritten(source, node);
      names.addUses(node);
    }
    for (String own : names.initializers.keySet()) {
      names.add(own, own, false);
    }
    return names.unwrapped();
  }

  private static void refuseRewritten(Path source, OnnxNode node) {
    if (QUANTISED_OPERATORS.contains(node.operator())) {
      throw new CheckpointException(
          String.format(
              "%s: the model is quantised (node %s is a %s), expected an export in floats",
              source, node.name(), node.operator()));
    }
    if (node.domain().equals(FUSED_DOMAIN)) {
      throw new CheckpointException(
          String.format(
              "%s: an optimiser has fused operators (node %s is a %s), expected the export itself",
              source, node.name(), node.operator()));
    }
  }

  private void addUses(OnnxNode node) {
    String module = module(node);
    switch (node.operator()) {
      case "MatMul" -> addMatrix(node, module, true);
      case "Gemm" -> {
        addMatrix(node, module, !isSet(node, "transB"));
        addVector(module + ".bias", node, 2);
      }
      case "Gather" -> {
        if (rank(node, 0) == 2) {
          add(module + ".weight", node.inputs().get(0), false);
        }
      }
      case "LayerNormalization" -> {
        addVector(module + ".weight", node, 1);
        addVector(module + ".bias", node, 2);
      }
      case "Mul" -> {
        addVector(module + ".weight", node, 0);
        addVector(module + ".weight", node, 1);
      }
      case "Add" -> {
        addVector(module + ".bias", node, 0);
        addVector(module + ".bias", node, 1);
      }
      default -> {}
    }
  }

  private void addMatrix(OnnxNode node, String module, boolean transposed) {
    if (rank(node, 1) == 2) {
      String own = node.inputs().get(1);
      add(module + ".weight", own, transposed);
      add(isParameter(own) ? own : biasOf(node).replaceFirst("bias$", "weight"), own, transposed);
    }
  }

  private void addVector(String name, OnnxNode node, int input) {
    if (rank(node, input) == 1) {
      add(name, node.inputs().get(input), false);
    }
  }

  /** Adds a parameter, unless its name is already known. */
  private void add(String name, String initializer, boolean transposed) {
    if (isParameter(name)) {
      String stored = initializers.get(initializer).name();
      uses.putIfAbsent(name, new Use(stored, transposed));
    }
  }

  /** Whether a name has a suffix of parameters, and more than that suffix. */
  private static boolean isParameter(String name) {
    int dot = name.lastIndexOf('.');
    return dot > 0 && Set.of("weight", "bias", "gamma", "beta").contains(name.substring(dot + 1));
  }

  /**
   * The rank of an initializer that is an input of a node; -1 if the input is not an initializer.
   */
  private int rank(OnnxNode node, int input) {
    OnnxTensor tensor =
        input < node.inputs().size() ? initializers.get(node.inputs().get(input)) : null;
    return tensor == null ? -1 : tensor.dims().length;
  }

  /** The module that a node belongs to; empty if it is unknown. */
  private static String module(OnnxNode node) {
    String name = node.name();
    if (name.startsWith("/")) {
      return name.substring(1, Math.max(1, name.lastIndexOf('/'))).replace('/', '.');
    }
    String[] scopes =
        node.metadata().getOrDefault(SCOPES, "").replaceAll("[\\[\\]' ]", "").split(",");
    return scopes.length < 2 ? "" : scopes[scopes.length - 2];
  }

  /** The name of the bias that is added to the output of a node; empty if there is none. */
  private String biasOf(OnnxNode node) {
    List<String> inputs = new ArrayList<>(node.inputs());
    OnnxNode next = node.outputs().isEmpty() ? null : consumers.get(node.outputs().getFirst());
    if (next != null && next.operator().equals("Add")) {
      inputs.addAll(next.inputs());
    }
    return inputs.stream()
        .filter(input -> initializers.containsKey(input) && input.endsWith(".bias"))
        .findFirst()
        .orElse("");
  }

  private static boolean isSet(OnnxNode node, String attribute) {
    return node.attribute(attribute).filter(a -> a.integer() != 0).isPresent();
  }

  /** The parameters without the prefix that a wrapper module has added to their names. */
  private Map<String, Use> unwrapped() {
    String wrapper = wrapper();
    Map<String, Use> unwrapped = new LinkedHashMap<>();
    uses.forEach((name, use) ->
        unwrapped.put(name.startsWith(wrapper) ? name.substring(wrapper.length()) : name, use));
    TIED.forEach((name, tied) -> {
      if (unwrapped.containsKey(name)) {
        unwrapped.putIfAbsent(tied, unwrapped.get(name));
      }
    });
    return unwrapped;
  }

  private String wrapper() {
    for (String name : uses.keySet()) {
      if (name.endsWith(WORD_EMBEDDINGS)) {
        String prefix = name.substring(0, name.length() - WORD_EMBEDDINGS.length());
        for (String base : BASES) {
          if (prefix.equals(base) || prefix.endsWith("." + base)) {
            return prefix.substring(0, prefix.length() - base.length());
          }
        }
        return prefix;
      }
    }
    return "";
  }
}
