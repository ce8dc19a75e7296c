package dev.panaformer.model.decoder;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.decoder.Transformer.Normalization;
import dev.panaformer.model.decoder.Transformer.Positions;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.weights.WeightNames;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The configuration of T5 (Raffel et al. 2020), T5 1.1 and mT5. Their architecture has a relative
 * position bias that all layers share, pre-normalisation with RMSNorm, attention without scaling,
 * and no biases in linear layers.
 *
 * @param gated whether the feed-forward networks have a gate, as in version 1.1 and mT5
 * @param scaledHead whether hidden states are divided by the square root of their width before the
 *     head
 * @param tied whether the head shares its weights with the embeddings
 */
public record T5Config(
    int vocabSize,
    int hiddenSize,
    int headDim,
    int intermediateSize,
    int encoderLayers,
    int numLayers,
    int numHeads,
    int buckets,
    int maxDistance,
    float layerNormEpsilon,
    Activation activation,
    boolean gated,
    boolean scaledHead,
    boolean tied,
    int padTokenId,
    OptionalInt decoderStartTokenId,
    Set<Integer> eosTokenIds)
    implements Seq2SeqConfig {

  /**
   * The maximum number of tokens of a text. Relative positions have no limit; this one bounds the
   * memory for a single text.
   */
  private static final int MAX_TOKENS = 4096;

  private static final Set<String> FIELDS =
      Set.of(
          "classifier_dropout",
          "d_ff",
          "d_kv",
          "d_model",
          "dense_act_fn",
          "dropout_rate",
          "feed_forward_proj",
          "initializer_factor",
          "is_encoder_decoder",
          "is_gated_act",
          "layer_norm_epsilon",
          "n_positions",
          "num_decoder_layers",
          "num_heads",
          "num_layers",
          "relative_attention_max_distance",
          "relative_attention_num_buckets",
          "scale_decoder_outputs",
          "tokenizer_class");

  public static T5Config of(ConfigJson json) {
    Seq2SeqConfig.requireSupported(json);
    ConfigFields.requireKnown(json, FIELDS, GENERATION);
    int hidden = json.requireInt("d_model", 1, 1 << 20);
    // All mT5 models have the architecture of version 1.1.
    boolean first = json.requireString("model_type").equals("t5");
    int layers = json.requireInt("num_layers", 1, 1 << 16);
    String projection = json.optionalString("feed_forward_proj", first ? "relu" : "gated-gelu");
    boolean gated = projection.startsWith("gated-");
    String function = projection.substring(gated ? "gated-".length() : 0);
    if (projection.equals("gated-gelu")) {
      function = "gelu_new";
    }
    Activation activation = ConfigFields.activationNamed(json, "feed_forward_proj", function);
    if (!json.optionalString("dense_act_fn", function).equals(function)) {
      throw json.wrong("dense_act_fn", function + ", by feed_forward_proj " + projection);
    }
    if (json.optionalBoolean("is_gated_act", gated) != gated) {
      throw json.wrong("is_gated_act", gated + ", by feed_forward_proj " + projection);
    }
    int buckets = json.optionalInt("relative_attention_num_buckets", 32, 4, 1 << 16);
    if (buckets % 2 != 0) {
      throw json.unsupported("relative_attention_num_buckets", "an even number");
    }
    boolean tied = json.optionalBoolean("tie_word_embeddings", true);
    int vocabulary = json.requireInt("vocab_size", 1, Integer.MAX_VALUE);
    return new T5Config(
        vocabulary,
        hidden,
        json.optionalInt("d_kv", 64, 1, ConfigFields.MAX_HEAD_DIM),
        json.requireInt("d_ff", 1, 1 << 24),
        layers,
        json.optionalInt("num_decoder_layers", layers, 1, 1 << 16),
        json.requireInt("num_heads", 1, 1 << 16),
        buckets,
        json.optionalInt("relative_attention_max_distance", 128, buckets / 2 + 1, 1 << 20),
        (float) json.optionalDouble("layer_norm_epsilon", 1e-6, 0, 1),
        activation,
        gated,
        first && json.optionalBoolean("scale_decoder_outputs", tied),
        tied,
        json.optionalInt("pad_token_id", 0, 0, vocabulary - 1),
        ConfigFields.id(json, "decoder_start_token_id"),
        json.has("eos_token_id") ? ConfigFields.ids(json, "eos_token_id") : Set.of(1));
  }

  @Override
  public int sourceVocabSize() {
    return vocabSize;
  }

  @Override
  public int contextLength() {
    return MAX_TOKENS;
  }

  @Override
  public int maxSourceTokens() {
    return MAX_TOKENS;
  }

  @Override
  public int kvHeads() {
    return numHeads;
  }

  @Override
  public boolean startsWithLastToken() {
    return false;
  }

  @Override
  public OptionalInt defaultForcedEnd() {
    return OptionalInt.empty();
  }

  @Override
  public WeightNames weightNames() {
    String any = "(encoder|decoder)\\.layers\\.(\\d+)\\.";
    String feedForward = "DenseReluDense.";
    return WeightNames.SAME
        .matching(
            any + "self_attn\\.([qkv])_proj\\.weight",
            "$1.block.$2.layer.0.SelfAttention.$3.weight")
        .matching(
            any + "self_attn\\.out_proj\\.weight", "$1.block.$2.layer.0.SelfAttention.o.weight")
        .matching(any + "self_attn_layer_norm\\.weight", "$1.block.$2.layer.0.layer_norm.weight")
        .matching(
            any + "encoder_attn\\.([qkv])_proj\\.weight",
            "$1.block.$2.layer.1.EncDecAttention.$3.weight")
        .matching(
            any + "encoder_attn\\.out_proj\\.weight",
            "$1.block.$2.layer.1.EncDecAttention.o.weight")
        .matching(any + "encoder_attn_layer_norm\\.weight", "$1.block.$2.layer.1.layer_norm.weight")
        .matching(
            "encoder\\.layers\\.(\\d+)\\.(final_layer_norm|gate|fc.)\\.weight",
            "encoder.block.$1.layer.1.$2.weight")
        .matching(
            "decoder\\.layers\\.(\\d+)\\.(final_layer_norm|gate|fc.)\\.weight",
            "decoder.block.$1.layer.2.$2.weight")
        .renamed(".final_layer_norm.", ".layer_norm.")
        .renamed(".gate.", "." + feedForward + "wi_0.")
        .renamed(".fc1.", "." + feedForward + (gated ? "wi_1." : "wi."))
        .renamed(".fc2.", "." + feedForward + "wo.")
        .matching("(encoder|decoder)\\.layer_norm\\.weight", "$1.final_layer_norm.weight")
        .matching(
            "(encoder|decoder)\\.relative_attention_bias\\.weight",
            "$1.block.0.layer.0.SelfAttention.relative_attention_bias.weight")
        .orRenamed("shared.weight", "encoder.embed_tokens.weight")
        .orPrefixed("transformer.");
  }

  @Override
  public Transformer.Builder architecture() {
    return Transformer.builder()
        .encoderLayers(encoderLayers)
        .decoderLayers(numLayers)
        .width(hiddenSize)
        .heads(numHeads)
        .headDim(headDim)
        .intermediate(intermediateSize)
        .vocabulary(vocabSize)
        .positions(Positions.RELATIVE)
        .buckets(buckets, maxDistance)
        .normalization(Normalization.RMS_NORM, layerNormEpsilon)
        .placement(NormPlacement.BEFORE)
        .lastNorm(true)
        .activation(activation)
        .gated(gated)
        .biases(false)
        .attentionScale(1)
        .tiedHead(tied)
        .headScale(scaledHead ? (float) (1 / Math.sqrt(hiddenSize)) : 1);
  }
}
