package dev.panaformer.model.decoder;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.model.ModelKind;
import dev.panaformer.nn.weights.Weights;
import java.util.Optional;
import java.util.Set;

/** The configuration of a decoder-only model of any family. */
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
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing, wrong or not
   *     supported; the message names the field
   */
  static CausalConfig of(ConfigJson json) {
    return (CausalConfig) ModelKind.DECODER.read(json);
  }
}
