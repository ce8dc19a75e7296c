package dev.panaformer.model.decoder;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.decoder.Transformer.Normalization;
import dev.panaformer.model.decoder.Transformer.Positions;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.weights.WeightNames;
import java.util.Set;

/**
 * The configuration of GPT-2 (Radford et al. 2019) and of models with the same architecture:
 * learned position embeddings, pre-LN layers, and a head that is tied to the word embeddings.
 *
 * @param scale the factor of attention scores; 1 if the file turns scaling off
 * @param scaleByLayer whether the scale of layer i, counted from 1, is divided by i
 */
public record Gpt2Config(
    int vocabSize,
    int contextLength,
    int hiddenSize,
    int numLayers,
    int numHeads,
    int intermediateSize,
    Activation activation,
    float layerNormEpsilon,
    float scale,
    boolean scaleByLayer,
    boolean tied,
    Set<Integer> eosTokenIds)
    implements CausalConfig {

  private static final Set<String> FIELDS =
      Set.of(
          "activation_function",
          "add_cross_attention",
          "attn_pdrop",
          "embd_pdrop",
          "layer_norm_epsilon",
          "n_ctx",
          "n_embd",
          "n_head",
          "n_inner",
          "n_layer",
          "n_positions",
          "reorder_and_upcast_attn",
          "resid_pdrop",
          "scale_attn_by_inverse_layer_idx",
          "scale_attn_weights",
          "summary_activation",
          "summary_first_dropout",
          "summary_proj_to_labels",
          "summary_type",
          "summary_use_proj");

  /** The factor of attention scores in a layer. Layers count from 0. */
  private float scale(int layer) {
    return scaleByLayer ? scale / (layer + 1) : scale;
  }

  public static Gpt2Config of(ConfigJson json) {
    int hidden = json.requireInt("n_embd", 1, 1 << 20);
    int heads = json.requireInt("n_head", 1, 1 << 16);
    ConfigFields.equalHeadDim(json, "n_head", hidden, heads);
    if (json.optionalBoolean("add_cross_attention", false)) {
      throw json.unsupported("add_cross_attention", "false");
    }
    ConfigFields.requireKnown(json, FIELDS);
    int positions = json.requireInt("n_positions", 1, 1 << 24);
    if (json.optionalInt("n_ctx", positions, 1, 1 << 24) != positions) {
      throw json.wrong("n_ctx", "n_positions, " + positions);
    }
    boolean scaled = json.optionalBoolean("scale_attn_weights", true);
    return new Gpt2Config(
        json.requireInt("vocab_size", 1, Integer.MAX_VALUE),
        positions,
        hidden,
        json.requireInt("n_layer", 1, 1 << 16),
        heads,
        json.optionalInt("n_inner", 4 * hidden, 1, 1 << 24),
        ConfigFields.activation(json, "activation_function", "gelu_new"),
        (float) json.optionalDouble("layer_norm_epsilon", 1e-5, 0, 1),
        scaled ? (float) (1 / Math.sqrt((double) hidden / heads)) : 1,
        json.optionalBoolean("scale_attn_by_inverse_layer_idx", false),
        json.optionalBoolean("tie_word_embeddings", true),
        ConfigFields.ids(json, "eos_token_id"));
  }

  @Override
  public int kvHeads() {
    return numHeads;
  }

  @Override
  public int headDim() {
    return hiddenSize / numHeads;
  }

  @Override
  public WeightNames weightNames() {
    return WeightNames.SAME
        .renamed("shared.weight", "wte.weight")
        .renamed("decoder.embed_positions.", "wpe.")
        .renamed("decoder.layers.", "h.")
        .renamed("decoder.layer_norm.", "ln_f.")
        .renamed("self_attn_layer_norm.", "ln_1.")
        .renamed("self_attn.qkv_proj.", "attn.c_attn.")
        .renamed("self_attn.out_proj.", "attn.c_proj.")
        .renamed("final_layer_norm.", "ln_2.")
        .renamed("fc1.", "mlp.c_fc.")
        .renamed("fc2.", "mlp.c_proj.")
        .orPrefixed("transformer.");
  }

  @Override
  public Transformer.Builder architecture() {
    return Transformer.builder()
        .decoderLayers(numLayers)
        .width(hiddenSize)
        .heads(numHeads)
        .intermediate(intermediateSize)
        .vocabulary(vocabSize)
        .positions(Positions.LEARNED)
        .maxPositions(contextLength)
        .normalization(Normalization.LAYER_NORM, layerNormEpsilon)
        .placement(NormPlacement.BEFORE)
        .lastNorm(true)
        .activation(activation)
        .attentionScale(this::scale)
        .transposedWeights(true)
        .joinedProjections(true)
        .tiedHead(tied);
  }
}
