package dev.panaformer.model.decoder;

import dev.panaformer.model.ModelKind;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.nn.Weights;
import java.util.Optional;
import java.util.Set;

/** What config.json says of a decoder without an encoder, whatever its family. */
public non-sealed interface CausalConfig extends DecoderConfig {

  /** The tokens that end a text. */
  Set<Integer> eosTokenIds();

  @Override
  default ModelKind kind() {
    return ModelKind.DECODER;
  }

  @Override
  default Optional<Figures> figures() {
    return Optional.of(
        new Figures(
            numLayers(),
            hiddenSize(),
            numHeads(),
            intermediateSize(),
            vocabSize(),
            contextLength()));
  }

  @Override
  default CausalModel load(Weights weights) {
    return CausalModel.load(weights, this);
  }

  /**
   * Reads the configuration of a decoder.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException naming the field that is missing, wrong,
   *     or asks for what is not supported
   */
  static CausalConfig of(ConfigJson json) {
    return (CausalConfig) ModelKind.DECODER.read(json);
  }
}
