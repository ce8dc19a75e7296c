package dev.panaformer.model.text;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.nn.EncoderAttention;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.util.Set;

/**
 * The configuration of a {@link PreNormEncoder}: the fields that such encoders share, and a method
 * that loads the attention of a layer.
 */
public interface PreNormConfig extends EncoderConfig {

  /**
   * The fields of config.json that do not depend on the kind of attention.
   *
   * @param hiddenAct the activation function; GELU if the file has none
   * @param layerNormEps the epsilon of the norms; 1e-5 if the file has none
   */
  record Shape(
      int vocabSize,
      int hiddenSize,
      int numHiddenLayers,
      int numAttentionHeads,
      int intermediateSize,
      Activation hiddenAct,
      int maxPositionEmbeddings,
      float layerNormEps) {
    private static final Set<String> FIELDS =
        Set.of(
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "max_position_embeddings",
            "layer_norm_eps");

    /**
     * Reads the fields.
     *
     * @param attention the fields that the attention reads; any other unknown field is refused
     */
    static Shape of(ConfigJson json, Set<String> attention) {
      ConfigFields.requireKnown(json, FIELDS, attention);
      int hidden = json.requireInt("hidden_size", 1, 1 << 20);
      int heads = json.requireInt("num_attention_heads", 1, hidden);
      ConfigFields.equalHeadDim(json, "num_attention_heads", hidden, heads);
      return new Shape(
          json.requireInt("vocab_size", 1, Integer.MAX_VALUE),
          hidden,
          json.requireInt("num_hidden_layers", 1, 1 << 16),
          heads,
          json.requireInt("intermediate_size", 1, 1 << 24),
          ConfigFields.activation(json, "hidden_act", "gelu"),
          json.requireInt("max_position_embeddings", 1, Integer.MAX_VALUE),
          (float) json.optionalDouble("layer_norm_eps", 1e-5, 0, 1));
    }

    int headDim() {
      return hiddenSize / numAttentionHeads;
    }
  }

  Shape shape();

  /**
   * Loads the attention of a layer.
   *
   * @param weights of the layer's attention
   */
  EncoderAttention attention(Weights weights, int layer);

  @Override
  default int vocabSize() {
    return shape().vocabSize();
  }

  @Override
  default int hiddenSize() {
    return shape().hiddenSize();
  }

  @Override
  default int numHiddenLayers() {
    return shape().numHiddenLayers();
  }

  @Override
  default int numAttentionHeads() {
    return shape().numAttentionHeads();
  }

  @Override
  default int intermediateSize() {
    return shape().intermediateSize();
  }

  @Override
  default int typeVocabSize() {
    return 0;
  }

  @Override
  default int maxTokens() {
    return shape().maxPositionEmbeddings();
  }

  @Override
  default WeightNames weightNames() {
    return WeightNames.SAME;
  }

  @Override
  default PreNormEncoder encoder(Weights weights) {
    return PreNormEncoder.load(weights, this);
  }

  @Override
  default PreNormEncoder load(Weights weights) {
    return encoder(weights);
  }
}
