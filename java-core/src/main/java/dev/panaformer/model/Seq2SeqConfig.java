package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.UnsupportedModelException;
import java.util.OptionalInt;
import java.util.Set;

/** What config.json says of an encoder-decoder, and what generation needs to know of any. */
public sealed interface Seq2SeqConfig extends DecoderConfig permits T5Config, BartConfig {

  /** The values of {@code model_type} that are encoder-decoders. */
  Set<String> MODEL_TYPES = Set.of("t5", "mt5", "bart", "mbart", "marian", "pegasus");

  /**
   * Fields by which config.json of older checkpoints says what generation_config.json says now.
   * What they mean to generation is read by {@code GenerationConfig}.
   */
  Set<String> GENERATION =
      Set.of(
          "bad_words_ids",
          "begin_suppress_tokens",
          "decoder_start_token_id",
          "diversity_penalty",
          "do_sample",
          "early_stopping",
          "encoder_no_repeat_ngram_size",
          "forced_bos_token_id",
          "forced_eos_token_id",
          "length_penalty",
          "max_length",
          "min_length",
          "no_repeat_ngram_size",
          "num_beam_groups",
          "num_beams",
          "num_return_sequences",
          "prefix",
          "remove_invalid_values",
          "renormalize_logits",
          "repetition_penalty",
          "suppress_tokens",
          "temperature",
          "top_k",
          "top_p");

  /** Tokens that the encoder knows. */
  int sourceVocabSize();

  /** Tokens that a source may have. */
  int maxSourceTokens();

  int encoderLayers();

  int numHeads();

  int intermediateSize();

  int padTokenId();

  /** With what a decoder's text begins, unless generation_config.json says otherwise. */
  OptionalInt decoderStartTokenId();

  /**
   * Whether a target's last token, which names its language, is what its decoder begins with, as in
   * mBART.
   */
  boolean startsWithLastToken();

  /** The token that ends every text that comes to its most tokens, where no file says. */
  OptionalInt defaultForcedEnd();

  Set<Integer> eosTokenIds();

  /** Whether a configuration is that of an encoder-decoder which we know. */
  static boolean describes(ConfigJson json) {
    return MODEL_TYPES.contains(json.optionalString("model_type", ""));
  }

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing, wrong, or asks for
   *     what we do not do, naming it
   */
  static Seq2SeqConfig of(ConfigJson json) {
    String type = json.requireString("model_type");
    if (!describes(json)) {
      throw new UnsupportedModelException(
          json.source()
              + ": model_type is "
              + type
              + ", expected "
              + String.join(", ", MODEL_TYPES.stream().sorted().toList())
              + ", which have an encoder and a decoder");
    }
    if (!json.optionalBoolean("is_encoder_decoder", true)) {
      throw json.unsupported("is_encoder_decoder", "true");
    }
    for (String architecture : json.strings("architectures")) {
      boolean generates =
          architecture.endsWith("ForConditionalGeneration")
              || architecture.endsWith("MTModel")
              || architecture.endsWith("Model") && !architecture.endsWith("EncoderModel");
      if (!generates) {
        throw json.unsupported(
            "architectures", "a model of encoder and decoder, …ForConditionalGeneration say");
      }
    }
    return type.endsWith("t5") ? T5Config.of(json) : BartConfig.of(json);
  }

  /** The first id of a field that holds one or several. */
  static OptionalInt id(ConfigJson json, String field) {
    return CausalConfig.ids(json, field).stream().mapToInt(Integer::intValue).findFirst();
  }
}
