package dev.panaformer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.nn.WeightNames;
import dev.panaformer.nn.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The fields of config.json that decide what a model of the BERT family computes, under the names
 * that BERT gives them.
 *
 * @param embeddingSize width of the embeddings and of the masked-LM head; the hidden size but for
 *     ALBERT
 * @param numHiddenGroups how many groups of layers have weights of their own: a layer of ALBERT is
 *     one pass through its group, elsewhere every layer is a group
 * @param innerGroupNum layers of a group
 * @param typeVocabSize 0 where the family has no token types
 * @param labels the names of a head's outputs, by index; {@code LABEL_0}, {@code LABEL_1} where the
 *     file has none
 * @param sparsity who sees whom, where not all tokens see all
 */
public record BertConfig(
    BertFamily family,
    String architecture,
    int vocabSize,
    int embeddingSize,
    int hiddenSize,
    int numHiddenLayers,
    int numHiddenGroups,
    int innerGroupNum,
    int numAttentionHeads,
    int intermediateSize,
    Activation hiddenAct,
    int maxPositionEmbeddings,
    int typeVocabSize,
    float layerNormEps,
    int padTokenId,
    boolean tieWordEmbeddings,
    List<String> labels,
    ProblemType problemType,
    Optional<Sparsity> sparsity)
    implements EncoderConfig {

  private static final int MAX_HEAD_DIM = 256;

  private static final Map<String, Activation> ACTIVATIONS =
      Map.ofEntries(
          Map.entry("gelu", Activation.GELU_ERF),
          Map.entry("gelu_python", Activation.GELU_ERF),
          Map.entry("gelu_new", Activation.GELU_TANH),
          Map.entry("gelu_fast", Activation.GELU_TANH),
          Map.entry("gelu_pytorch_tanh", Activation.GELU_TANH),
          Map.entry("quick_gelu", Activation.GELU_QUICK),
          Map.entry("relu", Activation.RELU),
          Map.entry("silu", Activation.SILU),
          Map.entry("swish", Activation.SILU),
          Map.entry("tanh", Activation.TANH));

  /**
   * Reads the fields, with Hugging Face's defaults for those that it may leave out.
   *
   * @throws CheckpointException naming the field that is missing, wrong, or asks for what is not
   *     supported
   */
  public static BertConfig of(ConfigJson json) {
    BertFamily family =
        BertFamily.of(json.requireString("model_type"))
            .orElseThrow(
                () -> json.unsupported("model_type", "one of " + BertFamily.allModelTypes()));
    requireSupported(json);
    int hidden = json.requireInt(family.field("hidden_size"), 1, 1 << 20);
    int heads = json.requireInt(family.field("num_attention_heads"), 1, hidden);
    if (hidden % heads != 0 || hidden / heads > MAX_HEAD_DIM) {
      throw json.wrong(
          family.field("num_attention_heads"),
          "a divisor of the hidden size "
              + hidden
              + " that leaves at most "
              + MAX_HEAD_DIM
              + " features a head");
    }
    int vocab = json.requireInt("vocab_size", 1, Integer.MAX_VALUE);
    int positions = json.requireInt("max_position_embeddings", 1, Integer.MAX_VALUE);
    int padding =
        json.optionalInt("pad_token_id", family.positionsFollowPadding() ? 1 : 0, 0, vocab - 1);
    if (family.positionsFollowPadding() && padding + 1 >= positions) {
      throw json.wrong(
          "max_position_embeddings", "more than pad_token_id + 1, which is " + (padding + 1));
    }
    int layers = json.requireInt(family.field("num_hidden_layers"), 1, 1 << 16);
    boolean shared = family == BertFamily.ALBERT;
    List<String> architectures = json.strings("architectures");
    return new BertConfig(
        family,
        architectures.isEmpty() ? "BertModel" : architectures.get(0),
        vocab,
        shared ? json.optionalInt("embedding_size", 128, 1, 1 << 20) : hidden,
        hidden,
        layers,
        shared ? json.optionalInt("num_hidden_groups", 1, 1, layers) : layers,
        shared ? json.optionalInt("inner_group_num", 1, 1, 1 << 16) : 1,
        heads,
        json.requireInt(family.field("intermediate_size"), 1, 1 << 24),
        activation(
            json,
            family.field("hidden_act"),
            json.optionalString(
                family.field("hidden_act"),
                shared || family == BertFamily.BIG_BIRD ? "gelu_new" : "gelu")),
        positions,
        family.hasTokenTypes() ? json.optionalInt("type_vocab_size", 2, 1, Integer.MAX_VALUE) : 0,
        (float) json.optionalDouble("layer_norm_eps", 1e-12, 0, 1),
        padding,
        json.optionalBoolean("tie_word_embeddings", true),
        labels(json),
        problemType(json),
        family.sparsity(json, layers, heads, hidden / heads));
  }

  private static void requireSupported(ConfigJson json) {
    if (!json.optionalString("position_embedding_type", "absolute").equals("absolute")) {
      throw json.unsupported("position_embedding_type", "\"absolute\"");
    }
    for (String field : List.of("is_decoder", "add_cross_attention")) {
      if (json.optionalBoolean(field, false)) {
        throw json.unsupported(field, "false: only encoders are supported");
      }
    }
  }

  /** What follows the first of the two layers of a sequence classifier. */
  Activation classifierActivation() {
    return family.classifierActivation().orElse(hiddenAct);
  }

  static Activation activation(ConfigJson json, String field) {
    return activation(json, field, json.optionalString(field, "gelu"));
  }

  /**
   * @param name as Hugging Face calls the function
   * @param field where it stands, for the message
   */
  static Activation activation(ConfigJson json, String field, String name) {
    Activation activation = ACTIVATIONS.get(name);
    if (activation == null) {
      throw json.unsupported(field, "one of " + ACTIVATIONS.keySet().stream().sorted().toList());
    }
    return activation;
  }

  static List<String> labels(ConfigJson json) {
    Map<String, String> byId = json.stringMap("id2label");
    int count = byId.isEmpty() ? json.optionalInt("num_labels", 2, 1, 1 << 20) : byId.size();
    List<String> labels = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String label = byId.isEmpty() ? "LABEL_" + i : byId.get(Integer.toString(i));
      if (label == null) {
        throw json.wrong("id2label", "the labels 0 to " + (count - 1) + "; there is none for " + i);
      }
      labels.add(label);
    }
    return List.copyOf(labels);
  }

  static ProblemType problemType(ConfigJson json) {
    String absent = ProblemType.SINGLE_LABEL_CLASSIFICATION.name();
    String name = json.optionalString("problem_type", absent).toUpperCase(Locale.ROOT);
    for (ProblemType type : ProblemType.values()) {
      if (type.name().equals(name)) {
        return type;
      }
    }
    throw json.wrong(
        "problem_type",
        "one of regression, single_label_classification, multi_label_classification");
  }

  /** The features of one head. */
  public int headDim() {
    return hiddenSize / numAttentionHeads;
  }

  @Override
  public int maxTokens() {
    return family.positionsFollowPadding()
        ? maxPositionEmbeddings - padTokenId - 1
        : maxPositionEmbeddings;
  }

  @Override
  public WeightNames weightNames() {
    return family.weightNames();
  }

  @Override
  public BertModel encoder(Weights weights) {
    return BertModel.load(weights, this);
  }

  @Override
  public BertTask task(Weights weights) {
    return BertTask.load(weights, this);
  }
}
