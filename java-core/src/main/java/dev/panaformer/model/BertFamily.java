package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.nn.WeightNames;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What sets the members of the family apart: how their files spell things, and little else. */
public enum BertFamily {
  /** Devlin et al. 2018. */
  BERT(
      List.of("bert"),
      Map.of(),
      WeightNames.SAME
          .renamed("classifier.dense", "pooler.dense")
          .renamed("classifier.out_proj", "classifier")
          .orPrefixed("bert.")
          // As written by the first releases, converted from TensorFlow.
          .orRenamed("LayerNorm.weight", "LayerNorm.gamma")
          .orRenamed("LayerNorm.bias", "LayerNorm.beta"),
      true,
      false,
      Activation.TANH),

  /** Liu et al. 2019, and its descendants of the same layout. */
  ROBERTA(
      List.of("roberta", "xlm-roberta", "camembert"),
      Map.of(),
      WeightNames.SAME
          .renamed("cls.predictions.transform.dense", "lm_head.dense")
          .renamed("cls.predictions.transform.LayerNorm", "lm_head.layer_norm")
          .renamed("cls.predictions.decoder", "lm_head.decoder")
          .renamed("cls.predictions.bias", "lm_head.bias")
          .orPrefixed("roberta."),
      true,
      true,
      Activation.TANH),

  /** Sanh et al. 2019. */
  DISTILBERT(
      List.of("distilbert"),
      Map.of(
          "hidden_size", "dim",
          "num_hidden_layers", "n_layers",
          "num_attention_heads", "n_heads",
          "intermediate_size", "hidden_dim",
          "hidden_act", "activation"),
      WeightNames.SAME
          .renamed("encoder.layer", "transformer.layer")
          .renamed("attention.self.query", "attention.q_lin")
          .renamed("attention.self.key", "attention.k_lin")
          .renamed("attention.self.value", "attention.v_lin")
          .renamed("attention.output.dense", "attention.out_lin")
          .renamed("attention.output.LayerNorm", "sa_layer_norm")
          .renamed("intermediate.dense", "ffn.lin1")
          .renamed("output.dense", "ffn.lin2")
          .renamed("output.LayerNorm", "output_layer_norm")
          .renamed("cls.predictions.transform.dense", "vocab_transform")
          .renamed("cls.predictions.transform.LayerNorm", "vocab_layer_norm")
          .renamed("cls.predictions.decoder", "vocab_projector")
          .renamed("cls.predictions.bias", "vocab_projector.bias")
          .renamed("classifier.dense", "pre_classifier")
          .renamed("classifier.out_proj", "classifier")
          .orPrefixed("distilbert."),
      false,
      false,
      Activation.RELU),

  /** Lan et al. 2019: factorised embeddings, and groups of layers that share their weights. */
  ALBERT(
      List.of("albert"),
      Map.of(),
      WeightNames.SAME
          .renamed("attention.self.", "attention.")
          .renamed("attention.output.", "attention.")
          .renamed("intermediate.dense", "ffn")
          .renamed("output.dense", "ffn_output")
          .renamed("output.LayerNorm", "full_layer_layer_norm")
          .renamed("cls.predictions.transform.", "predictions.")
          .renamed("cls.predictions.", "predictions.")
          .renamed("classifier.dense", "pooler")
          .renamed("classifier.out_proj", "classifier")
          .renamed("pooler.dense", "pooler")
          .orPrefixed("albert."),
      true,
      false,
      Activation.TANH),

  /** Zaheer et al. 2020: blocks of tokens see some blocks. */
  BIG_BIRD(
      List.of("big_bird"),
      Map.of(),
      WeightNames.SAME.renamed("pooler.dense", "pooler").orPrefixed("bert."),
      true,
      false,
      null,
      (json, layers, heads, headDim) -> BigBird.of(json, layers, heads)),

  /** Beltagy et al. 2020: RoBERTa with windows and global tokens. */
  LONGFORMER(
      List.of("longformer"),
      Map.of(),
      WeightNames.SAME
          .renamed("cls.predictions.transform.dense", "lm_head.dense")
          .renamed("cls.predictions.transform.LayerNorm", "lm_head.layer_norm")
          .renamed("cls.predictions.decoder", "lm_head.decoder")
          .renamed("cls.predictions.bias", "lm_head.bias")
          .orPrefixed("longformer."),
      true,
      true,
      Activation.TANH,
      Longformer::of);

  /** What makes a family's sparsity of config.json and the shape that was read of it. */
  private interface SparsityReader {
    Optional<Sparsity> read(ConfigJson json, int layers, int heads, int headDim);
  }

  private final List<String> modelTypes;
  private final Map<String, String> fieldNames;
  private final WeightNames weightNames;
  private final boolean hasTokenTypes;
  private final boolean positionsFollowPadding;
  private final Activation classifierActivation;
  private final SparsityReader sparsity;

  BertFamily(
      List<String> modelTypes,
      Map<String, String> fieldNames,
      WeightNames weightNames,
      boolean hasTokenTypes,
      boolean positionsFollowPadding,
      Activation classifierActivation) {
    this(
        modelTypes,
        fieldNames,
        weightNames,
        hasTokenTypes,
        positionsFollowPadding,
        classifierActivation,
        (json, layers, heads, headDim) -> Optional.empty());
  }

  BertFamily(
      List<String> modelTypes,
      Map<String, String> fieldNames,
      WeightNames weightNames,
      boolean hasTokenTypes,
      boolean positionsFollowPadding,
      Activation classifierActivation,
      SparsityReader sparsity) {
    this.modelTypes = modelTypes;
    this.fieldNames = fieldNames;
    this.weightNames = weightNames;
    this.hasTokenTypes = hasTokenTypes;
    this.positionsFollowPadding = positionsFollowPadding;
    this.classifierActivation = classifierActivation;
    this.sparsity = sparsity;
  }

  /** Whether config.json is of a model of this family. */
  public boolean describes(ConfigJson json) {
    return modelTypes.contains(json.optionalString("model_type", ""));
  }

  /** The family of a {@code model_type} of config.json. */
  static Optional<BertFamily> of(String modelType) {
    return Arrays.stream(values()).filter(f -> f.modelTypes.contains(modelType)).findFirst();
  }

  /** Every {@code model_type} that is known. */
  static List<String> allModelTypes() {
    return Arrays.stream(values()).flatMap(f -> f.modelTypes.stream()).toList();
  }

  /** How config.json spells a field of BERT's. */
  String field(String name) {
    return fieldNames.getOrDefault(name, name);
  }

  /** How weights are spelled that BERT's base model calls {@code encoder.layer.0.…}. */
  public WeightNames weightNames() {
    return weightNames;
  }

  boolean hasTokenTypes() {
    return hasTokenTypes;
  }

  /**
   * Whether the padding token keeps its id as its position and all others count on from there,
   * instead of counting from 0 whatever the token.
   */
  boolean positionsFollowPadding() {
    return positionsFollowPadding;
  }

  /** What follows the first of a classifier's two layers; empty for the layers' own function. */
  Optional<Activation> classifierActivation() {
    return Optional.ofNullable(classifierActivation);
  }

  /** Who sees whom; empty where all tokens see all. */
  Optional<Sparsity> sparsity(ConfigJson json, int layers, int heads, int headDim) {
    return sparsity.read(json, layers, heads, headDim);
  }
}
