package dev.panaformer.model.decoder;

import dev.panaformer.model.ModelKind;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.nn.Weights;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/** What config.json says of an encoder-decoder, whatever its family. */
public non-sealed interface Seq2SeqConfig extends DecoderConfig {

  /**
   * Fields of config.json in older checkpoints that newer ones have in generation_config.json.
   * {@code GenerationConfig} reads them.
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

  /** Tokens in the vocabulary of the encoder. */
  int sourceVocabSize();

  /** Tokens that a source may have at most. */
  int maxSourceTokens();

  int encoderLayers();

  int padTokenId();

  /** The token that begins a target, unless generation_config.json names another. */
  OptionalInt decoderStartTokenId();

  /**
   * Whether the decoder begins with the last token of the target, which names its language, as in
   * mBART.
   */
  boolean startsWithLastToken();

  /**
   * The token that is forced as the last one of a text that reaches its greatest length, where no
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
   * @throws dev.panaformer.checkpoint.CheckpointException naming the field that is missing, wrong,
   *     or asks for what is not supported
   */
  static Seq2SeqConfig of(ConfigJson json) {
    return (Seq2SeqConfig) ModelKind.ENCODER_DECODER.read(json);
  }

  /** Refuses files that ask for the encoder or the decoder alone, or for another head. */
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
