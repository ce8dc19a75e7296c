package dev.panaformer.model.decoder;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.model.ModelKind;
import dev.panaformer.nn.weights.Weights;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** The configuration of an encoder-decoder of any family. */
public non-sealed interface Seq2SeqConfig extends DecoderConfig {

  /**
   * Fields for generation that older checkpoints have in config.json, and newer ones in
   * generation_config.json. {@code GenerationConfig} reads them.
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

  /** The size of the encoder's vocabulary. */
  int sourceVocabSize();

  /** The maximum number of tokens of a source text. */
  int maxSourceTokens();

  int encoderLayers();

  int padTokenId();

  /** The token that begins a target, unless generation_config.json names another. */
  OptionalInt decoderStartTokenId();

  /**
   * Whether the decoder's input begins with the last token of the target, as in mBART. There that
   * token names the language.
   */
  boolean startsWithLastToken();

  /**
   * The token that generation forces at the end of a text that reaches its maximum length, if no
   * file names one.
   */
  OptionalInt defaultForcedEnd();

  /** The tokens that end a text. */
  Set<Integer> eosTokenIds();

  @Override
  default ModelKind kind() {
    return ModelKind.ENCODER_DECODER;
  }

  @Override
  default Optional<Figures> figures() {
    return Optional.of(
        new Figures(
            encoderLayers() + numLayers(),
            hiddenSize(),
            numHeads(),
            intermediateSize(),
            vocabSize(),
            maxSourceTokens()));
  }

  @Override
  default Seq2SeqModel load(Weights weights) {
    return Seq2SeqModel.load(weights, this);
  }

  /**
   * Reads the configuration of an encoder-decoder.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing, wrong or not
   *     supported; the message names the field
   */
  static Seq2SeqConfig of(ConfigJson json) {
    return (Seq2SeqConfig) ModelKind.ENCODER_DECODER.read(json);
  }

  /** Refuses files that describe only an encoder or a decoder, or another head. */
  static void requireSupported(ConfigJson json) {
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
  }
}
