package dev.panaformer.model.text;

import dev.panaformer.model.ModelConfig;
import dev.panaformer.model.ModelKind;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.nn.Weights;
import java.util.Optional;

/** What config.json says of an encoder of texts, whatever its family. */
public non-sealed interface EncoderConfig extends ModelConfig {

  int vocabSize();

  int hiddenSize();

  int numHiddenLayers();

  int numAttentionHeads();

  int intermediateSize();

  /** How many token types there are; 0 for none at all. */
  int typeVocabSize();

  /** The longest sequence that has positions. */
  int maxTokens();

  /**
   * Loads the encoder, with or without a head in the same checkpoint.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration says
   */
  TextEncoder encoder(Weights weights);

  @Override
  TextEncoder load(Weights weights);

  @Override
  default ModelKind kind() {
    return ModelKind.ENCODER;
  }

  @Override
  default Optional<Figures> figures() {
    return Optional.of(
        new Figures(
            numHiddenLayers(),
            hiddenSize(),
            numAttentionHeads(),
            intermediateSize(),
            vocabSize(),
            maxTokens()));
  }

  /**
   * Reads the configuration of an encoder of texts.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException naming the field that is missing, wrong,
   *     or asks for what is not supported
   */
  static EncoderConfig of(ConfigJson json) {
    return (EncoderConfig) ModelKind.ENCODER.read(json);
  }
}
