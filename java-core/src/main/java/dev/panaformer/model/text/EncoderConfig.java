package dev.panaformer.model.text;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.model.ModelKind;
import dev.panaformer.nn.weights.Weights;
import java.util.Optional;

/** The configuration of an encoder of texts of any family. */
public non-sealed interface EncoderConfig extends ModelConfig {

  int vocabSize();

  int hiddenSize();

  int numHiddenLayers();

  int numAttentionHeads();

  int intermediateSize();

  /** The number of token types; 0 if the model has none. */
  int typeVocabSize();

  /** The maximum number of tokens of a sequence. */
  int maxTokens();

  /**
   * Loads the encoder. The checkpoint may also have the weights of a head.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
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
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing, wrong or not
   *     supported; the message names the field
   */
  static EncoderConfig of(ConfigJson json) {
    return (EncoderConfig) ModelKind.ENCODER.read(json);
  }
}
