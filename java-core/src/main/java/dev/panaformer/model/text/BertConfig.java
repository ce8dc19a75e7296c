package dev.panaformer.model.text;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.ProblemType;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.util.List;
import java.util.Optional;

/**
 * The configuration of a model of the BERT family: the fields of config.json that its results
 * depend on, under BERT's names for them.
 *
 * @param embeddingSize width of the embeddings and of the masked-LM head. It differs from the
 *     hidden size only in ALBERT
 * @param numHiddenGroups the number of groups of layers that share weights. In ALBERT each layer
 *     evaluates the layers of its group. In the other families every layer is a group of its own
 * @param innerGroupNum the number of layers of a group
 * @param typeVocabSize the number of token types; 0 if the family has none
 * @param labels the names of a head's outputs, by index; {@code LABEL_0}, {@code LABEL_1} and so on
 *     if the file has none
 * @param sparsity which tokens attend to which; empty if all tokens attend to each other
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

  /**
   * Reads the fields, with Hugging Face's defaults for missing ones.
   *
   * @throws CheckpointException if a field is missing, wrong or not supported; the message names
   *     the field
   */
  public static BertConfig of(ConfigJson json) {
    BertFamily family =
        BertFamily.of(json.requireString("model_type"))
            .orElseThrow(
                () -> json.unsupported("model_type", "one of " + BertFamily.allModelTypes()));
    requireSupported(json);
    int hidden = json.requireInt(family.field("hidden_size"), 1, 1 << 20);
    int heads = json.requireInt(family.field("num_attention_heads"), 1, hidden);
    int headDim =
        ConfigFields.equalHeadDim(json, family.field("num_attention_heads"), hidden, heads);
    int vocab = json.requireInt("vocab_size", 1, Integer.MAX_VALUE);
    int positions = json.requireInt("max_position_embeddings", 1, Integer.MAX_VALUE);
    int padding =
        json.optionalInt("pad_token_id", family.positionsFollowPadding() ? 1 : 0, 0, vocab - 1);
    if (family.positionsFollowPadding() && padding + 1 >= positions) {
      throw json.wrong(
          "max_position_embeddings", "more than pad_token_id + 1, which is " + (padding + 1));
    }
    int layers = json.requireInt(family.field("num_hidden_layers"), 1, 1 << 16);
    boolean shared = family.sharesLayers();
    return new BertConfig(
        family,
        ConfigFields.architecture(json, "BertModel"),
        vocab,
        shared ? json.optionalInt("embedding_size", 128, 1, 1 << 20) : hidden,
        hidden,
        layers,
        shared ? json.optionalInt("num_hidden_groups", 1, 1, layers) : layers,
        shared ? json.optionalInt("inner_group_num", 1, 1, 1 << 16) : 1,
        heads,
        json.requireInt(family.field("intermediate_size"), 1, 1 << 24),
        ConfigFields.activation(json, family.field("hidden_act"), family.defaultActivation()),
        positions,
        family.hasTokenTypes() ? json.optionalInt("type_vocab_size", 2, 1, Integer.MAX_VALUE) : 0,
        (float) json.optionalDouble("layer_norm_eps", 1e-12, 0, 1),
        padding,
        json.optionalBoolean("tie_word_embeddings", true),
        ConfigFields.labels(json),
        ConfigFields.problemType(json),
        family.sparsity(json, layers, heads, headDim));
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

  /** The activation function between the two layers of a sequence classifier. */
  Activation classifierActivation() {
    return family.classifierActivation().orElse(hiddenAct);
  }

  /** Whether layers share their weights, as in ALBERT. */
  public boolean sharesLayers() {
    return family.sharesLayers();
  }

  /** The number of features of a head. */
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
  public BertTask load(Weights weights) {
    return BertTask.load(weights, this);
  }
}
