package dev.panaformer.model.text;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * The families of encoders that share the code of BERT. A row has the family's names of fields and
 * weights, and the properties of its models. It lists only the differences from BERT.
 */
public enum BertFamily {
  /** Devlin et al. 2018. */
  BERT(
      modelTypes("bert")
          .weights(
              WeightNames.SAME
                  .renamed("classifier.dense", "pooler.dense")
                  .renamed("classifier.out_proj", "classifier")
                  .orPrefixed("bert.")
                  // The names of LayerNorm weights in the first checkpoints, which were converted
                  // from TensorFlow.
                  .orRenamed("LayerNorm.weight", "LayerNorm.gamma")
                  .orRenamed("LayerNorm.bias", "LayerNorm.beta"))),

  /** Liu et al. 2019, and its descendants of the same layout. */
  ROBERTA(
      modelTypes("roberta", "xlm-roberta", "camembert")
          .weights(robertaHead().orPrefixed("roberta."))
          .positionsFollowPadding()),

  /** Sanh et al. 2019. */
  DISTILBERT(
      modelTypes("distilbert")
          .fields(
              Map.of(
                  "hidden_size", "dim",
                  "num_hidden_layers", "n_layers",
                  "num_attention_heads", "n_heads",
                  "intermediate_size", "hidden_dim",
                  "hidden_act", "activation"))
          .weights(
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
                  .orPrefixed("distilbert."))
          .withoutTokenTypes()
          .classifierActivation(Activation.RELU)),

  /** Lan et al. 2019: embeddings of a smaller width, and layers that share their weights. */
  ALBERT(
      modelTypes("albert")
          .weights(
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
                  .orPrefixed("albert."))
          .sharedLayers()
          .defaultActivation("gelu_new")),

  /** Zaheer et al. 2020: blocks of tokens attend to some of the other blocks. */
  BIG_BIRD(
      modelTypes("big_bird")
          .weights(WeightNames.SAME.renamed("pooler.dense", "pooler").orPrefixed("bert."))
          .defaultActivation("gelu_new")
          .classifierActivation(null)
          .sparsity((json, layers, heads, headDim) -> BigBird.of(json, layers, heads))
          .questionAnswering(BigBirdForQuestionAnswering::load)),

  /** Beltagy et al. 2020: RoBERTa with sliding windows and global tokens. */
  LONGFORMER(
      modelTypes("longformer")
          .weights(robertaHead().orPrefixed("longformer."))
          .positionsFollowPadding()
          .sparsity(Longformer::of));

  /**
   * Reads the sparsity of a family from config.json. The sizes of the model have been read before.
   */
  private interface SparsityReader {
    Optional<Sparsity> read(ConfigJson json, int layers, int heads, int headDim);
  }

  /** Builds the properties of a family. They begin with those of BERT. */
  private static final class Row {
    private final List<String> modelTypes;
    private Map<String, String> fieldNames = Map.of();
    private WeightNames weightNames = WeightNames.SAME;
    private boolean tokenTypes = true;
    private boolean positionsFollowPadding;
    private boolean sharedLayers;
    private String defaultActivation = "gelu";
    private Activation classifierActivation = Activation.TANH;
    private SparsityReader sparsity = (json, layers, heads, headDim) -> Optional.empty();
    private BiFunction<Weights, BertConfig, BertTask> questionAnswering =
        BertForQuestionAnswering::load;

    private Row(List<String> modelTypes) {
      this.modelTypes = modelTypes;
    }

    Row fields(Map<String, String> names) {
      fieldNames = names;
      return this;
    }

    Row weights(WeightNames names) {
      weightNames = names;
      return this;
    }

    Row withoutTokenTypes() {
      tokenTypes = false;
      return this;
    }

    Row positionsFollowPadding() {
      positionsFollowPadding = true;
      return this;
    }

    Row sharedLayers() {
      sharedLayers = true;
      return this;
    }

    Row defaultActivation(String name) {
      defaultActivation = name;
      return this;
    }

    Row classifierActivation(Activation activation) {
      classifierActivation = activation;
      return this;
    }

    Row sparsity(SparsityReader reader) {
      sparsity = reader;
      return this;
    }

    Row questionAnswering(BiFunction<Weights, BertConfig, BertTask> loader) {
      questionAnswering = loader;
      return this;
    }
  }

  private static Row modelTypes(String... values) {
    return new Row(List.of(values));
  }

  private static WeightNames robertaHead() {
    return WeightNames.SAME
        .renamed("cls.predictions.transform.dense", "lm_head.dense")
        .renamed("cls.predictions.transform.LayerNorm", "lm_head.layer_norm")
        .renamed("cls.predictions.decoder", "lm_head.decoder")
        .renamed("cls.predictions.bias", "lm_head.bias");
  }

  private final Row row;

  BertFamily(Row row) {
    this.row = row;
  }

  /** The family of a {@code model_type} of config.json. */
  static Optional<BertFamily> of(String modelType) {
    return Arrays.stream(values()).filter(f -> f.row.modelTypes.contains(modelType)).findFirst();
  }

  /** All values of {@code model_type} of these families. */
  public static List<String> allModelTypes() {
    return Stream.of(values()).flatMap(f -> f.row.modelTypes.stream()).toList();
  }

  /** The family's name for a field of BERT. */
  String field(String name) {
    return row.fieldNames.getOrDefault(name, name);
  }

  /**
   * Maps the weight names of BERT's base model, such as {@code encoder.layer.0.…}, to those of the
   * family.
   */
  public WeightNames weightNames() {
    return row.weightNames;
  }

  boolean hasTokenTypes() {
    return row.tokenTypes;
  }

  /**
   * Whether positions start after the id of the padding token, as in RoBERTa. A padding token then
   * has its id as its position, and the first other token has the position {@code padTokenId + 1}.
   * Otherwise positions count all tokens from 0.
   */
  boolean positionsFollowPadding() {
    return row.positionsFollowPadding;
  }

  /** Whether layers share weights in groups. Embeddings then also have a width of their own. */
  boolean sharesLayers() {
    return row.sharedLayers;
  }

  /** The activation function of the layers if config.json names none. */
  String defaultActivation() {
    return row.defaultActivation;
  }

  /**
   * The activation function between the two layers of a classifier; empty for the function of the
   * encoder's layers.
   */
  Optional<Activation> classifierActivation() {
    return Optional.ofNullable(row.classifierActivation);
  }

  /** Which tokens attend to which; empty if all tokens attend to each other. */
  Optional<Sparsity> sparsity(ConfigJson json, int layers, int heads, int headDim) {
    return row.sparsity.read(json, layers, heads, headDim);
  }

  /** Loads the encoder with the family's head for question answering. */
  BertTask questionAnswering(Weights weights, BertConfig config) {
    return row.questionAnswering.apply(weights, config);
  }
}
