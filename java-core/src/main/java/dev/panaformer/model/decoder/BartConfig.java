package dev.panaformer.model.decoder;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.decoder.Transformer.Normalization;
import dev.panaformer.model.decoder.Transformer.Positions;
import dev.panaformer.nn.NormPlacement;
import dev.panaformer.nn.weights.WeightNames;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The configuration of BART (Lewis et al. 2020) and of the families that differ from it only in
 * configuration: mBART (Liu et al. 2020), Marian (Junczys-Dowmunt et al. 2018) and Pegasus (Zhang
 * et al. 2020).
 *
 * @param vocabSize the size of the decoder's vocabulary
 * @param sourceVocabSize the size of the encoder's vocabulary
 * @param sharedEmbeddings whether encoder and decoder share one table of embeddings
 * @param scaledEmbeddings whether embeddings are multiplied by the square root of their width
 * @param tied whether the head shares its weights with the decoder's embeddings
 */
public record BartConfig(
    Family family,
    int vocabSize,
    int sourceVocabSize,
    int maxPositions,
    int hiddenSize,
    int encoderLayers,
    int numLayers,
    int encoderHeads,
    int numHeads,
    int encoderIntermediate,
    int intermediateSize,
    Activation activation,
    boolean sharedEmbeddings,
    boolean scaledEmbeddings,
    boolean tied,
    int padTokenId,
    OptionalInt decoderStartTokenId,
    Set<Integer> eosTokenIds)
    implements Seq2SeqConfig {

  /** The values of {@code model_type}, and the properties of a model that depend only on it. */
  public enum Family {
    BART(NormPlacement.AFTER, true, false, Positions.LEARNED, 1, 2, 2, 2),
    MBART(NormPlacement.BEFORE, true, true, Positions.LEARNED, 1, 2, -1, 2),
    MARIAN(NormPlacement.AFTER, false, false, Positions.SINUSOIDAL_HALVES, 58100, 0, 58100, 0),
    PEGASUS(NormPlacement.BEFORE, false, true, Positions.SINUSOIDAL_HALVES, 0, 1, 0, 1);

    private final NormPlacement placement;
    private final boolean embeddingNorm;
    private final boolean lastNorm;
    private final Positions positions;
    private final int padding;
    private final int end;
    private final int start;
    private final int forcedEnd;

    Family(
        NormPlacement placement,
        boolean embeddingNorm,
        boolean lastNorm,
        Positions positions,
        int padding,
        int end,
        int start,
        int forcedEnd) {
      this.placement = placement;
      this.embeddingNorm = embeddingNorm;
      this.lastNorm = lastNorm;
      this.positions = positions;
      this.padding = padding;
      this.end = end;
      this.start = start;
      this.forcedEnd = forcedEnd;
    }

    private static Family of(String modelType) {
      return Arrays.stream(values())
          .filter(f -> f.name().toLowerCase(Locale.ROOT).equals(modelType))
          .findFirst()
          .orElseThrow();
    }

    /**
     * Fields of older files for properties that now depend on the family. Their values must match
     * the family.
     */
    private Map<String, Boolean> formerFields() {
      return Map.of(
          "normalize_before",
          placement == NormPlacement.BEFORE,
          "normalize_embedding",
          embeddingNorm,
          "add_final_layer_norm",
          lastNorm,
          "static_position_embeddings",
          positions == Positions.SINUSOIDAL_HALVES);
    }
  }

  private static final float LAYER_NORM_EPS = 1e-5f;

  private static final Set<String> FIELDS =
      Set.of(
          "activation_dropout",
          "activation_function",
          "add_bias_logits",
          "add_final_layer_norm",
          "attention_dropout",
          "classif_dropout",
          "classifier_dropout",
          "d_model",
          "decoder_attention_heads",
          "decoder_ffn_dim",
          "decoder_layerdrop",
          "decoder_layers",
          "decoder_vocab_size",
          "dropout",
          "encoder_attention_heads",
          "encoder_ffn_dim",
          "encoder_layerdrop",
          "encoder_layers",
          "extra_pos_embeddings",
          "force_bos_token_to_be_generated",
          "init_std",
          "is_encoder_decoder",
          "max_position_embeddings",
          "normalize_before",
          "normalize_embedding",
          "num_hidden_layers",
          "save_step",
          "scale_embedding",
          "share_encoder_decoder_embeddings",
          "static_position_embeddings",
          "tokenizer_class");

  public static BartConfig of(ConfigJson json) {
    Seq2SeqConfig.requireSupported(json);
    Family family = Family.of(json.requireString("model_type"));
    ConfigFields.requireKnown(json, FIELDS, GENERATION);
    family
        .formerFields()
        .forEach((field, value) -> {
          if (json.optionalBoolean(field, value) != value) {
            throw json.unsupported(field, value + " of a " + json.requireString("model_type"));
          }
        });
    int hidden = json.requireInt("d_model", 1, 1 << 20);
    int encoderHeads = heads(json, "encoder_attention_heads", hidden);
    int decoderHeads = heads(json, "decoder_attention_heads", hidden);
    boolean shared =
        family != Family.MARIAN || json.optionalBoolean("share_encoder_decoder_embeddings", true);
    int source = json.requireInt("vocab_size", 1, Integer.MAX_VALUE);
    int target =
        family == Family.MARIAN
            ? json.optionalInt("decoder_vocab_size", source, 1, Integer.MAX_VALUE)
            : source;
    if (shared && target != source) {
      throw json.wrong(
          "decoder_vocab_size", source + " as vocab_size, since embeddings are shared");
    }
    OptionalInt start = ConfigFields.id(json, "decoder_start_token_id");
    return new BartConfig(
        family,
        target,
        source,
        json.optionalInt("max_position_embeddings", 1024, 1, 1 << 20),
        hidden,
        json.requireInt("encoder_layers", 1, 1 << 16),
        json.requireInt("decoder_layers", 1, 1 << 16),
        encoderHeads,
        decoderHeads,
        json.requireInt("encoder_ffn_dim", 1, 1 << 24),
        json.requireInt("decoder_ffn_dim", 1, 1 << 24),
        ConfigFields.activation(json, "activation_function", "gelu"),
        shared,
        json.optionalBoolean("scale_embedding", false),
        json.optionalBoolean("tie_word_embeddings", true),
        json.optionalInt("pad_token_id", family.padding, 0, Integer.MAX_VALUE),
        start.isEmpty() && family.start >= 0 ? OptionalInt.of(family.start) : start,
        json.has("eos_token_id") ? ConfigFields.ids(json, "eos_token_id") : Set.of(family.end));
  }

  private static int heads(ConfigJson json, String field, int hidden) {
    int heads = json.requireInt(field, 1, 1 << 16);
    ConfigFields.equalHeadDim(json, field, hidden, heads);
    return heads;
  }

  @Override
  public int contextLength() {
    return maxPositions;
  }

  @Override
  public int maxSourceTokens() {
    return maxPositions;
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
  public boolean startsWithLastToken() {
    return family == Family.MBART;
  }

  @Override
  public OptionalInt defaultForcedEnd() {
    return OptionalInt.of(family.forcedEnd);
  }

  @Override
  public WeightNames weightNames() {
    return WeightNames.SAME
        .orRenamed("shared.weight", "encoder.embed_tokens.weight")
        .orRenamed("encoder.embed_tokens.weight", "shared.weight")
        .orRenamed("decoder.embed_tokens.weight", "shared.weight")
        .orPrefixed("model.");
  }

  @Override
  public Transformer.Builder architecture() {
    Transformer.Builder builder =
        Transformer.builder()
            .encoderLayers(encoderLayers)
            .decoderLayers(numLayers)
            .width(hiddenSize)
            .heads(encoderHeads, numHeads)
            .intermediate(encoderIntermediate, intermediateSize)
            .embeddingScale(scaledEmbeddings ? (float) Math.sqrt(hiddenSize) : 1)
            .embeddingNorm(family.embeddingNorm)
            .positions(family.positions)
            .positionOffset(family.positions == Positions.LEARNED ? 2 : 0)
            .maxPositions(maxPositions)
            .normalization(Normalization.LAYER_NORM, LAYER_NORM_EPS)
            .placement(family.placement)
            .lastNorm(family.lastNorm)
            .activation(activation)
            .tiedHead(tied)
            .headBias(true);
    // If the head is not tied, the encoder and the decoder may have different embeddings.
    return sharedEmbeddings && tied
        ? builder.vocabulary(vocabSize)
        : builder.vocabularies(sourceVocabSize, vocabSize);
  }
}
