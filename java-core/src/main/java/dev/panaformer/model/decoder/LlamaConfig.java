package dev.panaformer.model.decoder;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.decoder.Transformer.Normalization;
import dev.panaformer.model.decoder.Transformer.Positions;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.weights.WeightNames;
import java.util.List;
import java.util.Set;

/**
 * The configuration of Llama (Touvron et al. 2023), and of Mistral and Qwen2, which have the same
 * architecture: rotary position embeddings, pre-normalisation with RMSNorm, gated feed-forward
 * networks and grouped-query attention.
 *
 * @param slidingWindow the number of tokens that a query attends to in layers from {@code
 *     firstWindowedLayer} on; 0 for all tokens
 * @param activation the activation function of the gates in feed-forward networks
 * @param attentionBias whether the projections to queries, keys and values have a bias
 * @param outputBias whether the output projection of attention has a bias
 * @param mlpBias whether the layers of feed-forward networks have a bias
 */
public record LlamaConfig(
    int vocabSize,
    int contextLength,
    int hiddenSize,
    int intermediateSize,
    int numLayers,
    int numHeads,
    int kvHeads,
    int headDim,
    float rmsNormEps,
    Rope rope,
    int slidingWindow,
    int firstWindowedLayer,
    Activation activation,
    boolean attentionBias,
    boolean outputBias,
    boolean mlpBias,
    boolean tied,
    Set<Integer> eosTokenIds)
    implements CausalConfig {

  /**
   * The parameters of rotary position embeddings: the base frequencies and their scaling.
   *
   * @param factor the factor by which frequencies are divided; 1 for no scaling
   * @param lowFreqFactor a parameter of Llama 3's scaling, which scales only low frequencies; 0 to
   *     scale all frequencies alike
   */
  public record Rope(
      double theta,
      double factor,
      double lowFreqFactor,
      double highFreqFactor,
      int originalContext) {

    /** Radians per position of the pair {@code (i, i + dim / 2)} of {@code dim} features. */
    double frequency(int i, int dim) {
      double frequency = Math.pow(theta, -2.0 * i / dim);
      if (lowFreqFactor == 0) {
        return frequency / factor;
      }
      double turns = originalContext * frequency / (2 * Math.PI);
      if (turns > highFreqFactor) {
        return frequency;
      }
      if (turns < lowFreqFactor) {
        return frequency / factor;
      }
      double smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
      return (1 - smooth) * frequency / factor + smooth * frequency;
    }
  }

  /**
   * The maximum number of positions. It bounds the rotary tables, which are computed when the model
   * is loaded.
   */
  private static final int MAX_POSITIONS = 1 << 20;

  /**
   * The window if the field is missing, as in the reference. A null in the file means that there is
   * no window.
   */
  private static final int DEFAULT_SLIDING_WINDOW = 4096;

  private static final Set<String> FIELDS =
      Set.of(
          "attention_bias",
          "attention_dropout",
          "head_dim",
          "hidden_act",
          "hidden_size",
          "intermediate_size",
          "is_llama_config",
          "layer_types",
          "max_position_embeddings",
          "max_window_layers",
          "mlp_bias",
          "num_attention_heads",
          "num_hidden_layers",
          "num_key_value_heads",
          "pretraining_tp",
          "rms_norm_eps",
          "rope_interleaved",
          "rope_parameters",
          "rope_scaling",
          "rope_theta",
          "sliding_window",
          "use_mrope",
          "use_sliding_window");

  private static final Set<String> ROPE_FIELDS =
      Set.of(
          "factor",
          "high_freq_factor",
          "low_freq_factor",
          "original_max_position_embeddings",
          "rope_theta",
          "rope_type",
          "type");

  public static LlamaConfig of(ConfigJson json) {
    String type = json.requireString("model_type");
    ConfigFields.requireKnown(json, FIELDS);
    int hidden = json.requireInt("hidden_size", 1, 1 << 20);
    int heads = json.requireInt("num_attention_heads", 1, 1 << 16);
    int kvHeads = json.optionalInt("num_key_value_heads", heads, 1, heads);
    if (heads % kvHeads != 0) {
      throw json.wrong("num_key_value_heads", "a divisor of num_attention_heads, " + heads);
    }
    int headDim = ConfigFields.headDim(json, "num_attention_heads", hidden, heads);
    if (headDim % 2 != 0) {
      throw json.wrong(
          json.has("head_dim") ? "head_dim" : "num_attention_heads",
          "an even number of features a head, for rotary positions, not " + headDim);
    }
    boolean llama = type.equals("llama");
    boolean mlpBias = json.optionalBoolean("mlp_bias", false);
    if (mlpBias && !llama) {
      throw json.unsupported("mlp_bias", "false");
    }
    boolean attentionBias = json.optionalBoolean("attention_bias", type.equals("qwen2"));
    if (type.equals("mistral") ? attentionBias : type.equals("qwen2") && !attentionBias) {
      throw json.unsupported(
          "attention_bias", "none, " + type + " says itself whether it has them");
    }
    for (String other : List.of("rope_interleaved", "use_mrope")) {
      if (json.optionalBoolean(other, false)) {
        throw json.unsupported(other, "false");
      }
    }
    int layers = json.requireInt("num_hidden_layers", 1, 1 << 16);
    boolean optional = type.equals("qwen2");
    boolean windowed =
        type.equals("mistral") || optional && json.optionalBoolean("use_sliding_window", false);
    int firstWindowed = optional ? json.optionalInt("max_window_layers", 28, 0, 1 << 16) : 0;
    int window = windowed ? slidingWindow(json) : 0;
    requireLayerTypes(json, layers, window == 0 ? layers : firstWindowed);
    return new LlamaConfig(
        json.requireInt("vocab_size", 1, Integer.MAX_VALUE),
        json.requireInt("max_position_embeddings", 1, MAX_POSITIONS),
        hidden,
        json.requireInt("intermediate_size", 1, 1 << 24),
        layers,
        heads,
        kvHeads,
        headDim,
        (float) json.optionalDouble("rms_norm_eps", 1e-6, 0, 1),
        rope(json),
        window,
        firstWindowed,
        ConfigFields.activation(json, "hidden_act", "silu"),
        attentionBias,
        attentionBias && llama,
        mlpBias,
        json.optionalBoolean("tie_word_embeddings", false),
        ConfigFields.ids(json, "eos_token_id"));
  }

  private static int slidingWindow(ConfigJson json) {
    boolean none = json.fields().contains("sliding_window") && !json.has("sliding_window");
    return none
        ? 0
        : json.optionalInt("sliding_window", DEFAULT_SLIDING_WINDOW, 1, Integer.MAX_VALUE);
  }

  /**
   * Checks {@code layer_types}, by which newer files name the attention of each layer, against the
   * other fields.
   */
  private static void requireLayerTypes(ConfigJson json, int layers, int firstWindowed) {
    List<String> types = json.strings("layer_types");
    if (types.isEmpty()) {
      return;
    }
    boolean agree = types.size() == layers;
    for (int i = 0; agree && i < layers; i++) {
      agree = types.get(i).equals(i < firstWindowed ? "full_attention" : "sliding_attention");
    }
    if (!agree) {
      throw json.unsupported(
          "layer_types",
          String.format(
              "%d times full_attention, then sliding_attention, %d in all",
              Math.min(firstWindowed, layers), layers));
    }
  }

  /** The number of tokens that a query of a layer attends to; 0 for all. */
  int window(int layer) {
    return layer < firstWindowedLayer ? 0 : slidingWindow;
  }

  private static Rope rope(ConfigJson json) {
    boolean current = json.has("rope_parameters");
    if (!current && !json.has("rope_scaling")) {
      return new Rope(theta(json, 10000), 1, 0, 0, 0);
    }
    ConfigJson scaling = json.object(current ? "rope_parameters" : "rope_scaling");
    ConfigFields.requireKnown(scaling, ROPE_FIELDS);
    if (current && json.has("rope_scaling")) {
      throw json.wrong("rope_scaling", "no such field beside rope_parameters");
    }
    double outer = theta(json, 10000);
    if (json.has("rope_theta") && theta(scaling, outer) != outer) {
      throw json.wrong("rope_theta", "that of rope_parameters");
    }
    double theta = theta(scaling, outer);
    String type = scaling.optionalString("rope_type", scaling.optionalString("type", "default"));
    return switch (type) {
      case "default" -> new Rope(theta, 1, 0, 0, 0);
      case "linear" -> new Rope(theta, factor(scaling), 0, 0, 0);
      case "llama3" ->
          new Rope(
              theta,
              factor(scaling),
              scaling.requireDouble("low_freq_factor", 1e-6, 1e6),
              scaling.requireDouble(
                  "high_freq_factor", scaling.requireDouble("low_freq_factor", 0, 1e6) + 1e-6, 1e6),
              scaling.requireInt("original_max_position_embeddings", 1, 1 << 24));
      default -> throw scaling.unsupported("rope_type", "default, linear or llama3");
    };
  }

  private static double theta(ConfigJson json, double defaultTheta) {
    return json.optionalDouble("rope_theta", defaultTheta, 1, 1e12);
  }

  private static double factor(ConfigJson json) {
    return json.requireDouble("factor", 1, 1e6);
  }

  @Override
  public WeightNames weightNames() {
    return WeightNames.SAME
        .renamed("shared.weight", "embed_tokens.weight")
        .renamed("decoder.layers.", "layers.")
        .renamed("decoder.layer_norm.", "norm.")
        .renamed("self_attn_layer_norm.", "input_layernorm.")
        .renamed("out_proj.", "o_proj.")
        .renamed("final_layer_norm.", "post_attention_layernorm.")
        .renamed(".gate.", ".mlp.gate_proj.")
        .renamed(".fc1.", ".mlp.up_proj.")
        .renamed(".fc2.", ".mlp.down_proj.")
        .orPrefixed("model.");
  }

  @Override
  public Transformer.Builder architecture() {
    return Transformer.builder()
        .decoderLayers(numLayers)
        .width(hiddenSize)
        .heads(numHeads)
        .kvHeads(kvHeads)
        .headDim(headDim)
        .intermediate(intermediateSize)
        .vocabulary(vocabSize)
        .positions(Positions.ROTARY)
        .maxPositions(contextLength)
        .rotaryFrequency(pair -> rope.frequency(pair, headDim))
        .window(this::window)
        .normalization(Normalization.RMS_NORM, rmsNormEps)
        .placement(NormPlacement.BEFORE)
        .lastNorm(true)
        .activation(activation)
        .gated(true)
        .biases(mlpBias)
        .projectionBiases(attentionBias)
        .outputBiases(outputBias)
        .tiedHead(tied);
  }
}
