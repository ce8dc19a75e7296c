package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.nn.WeightNames;
import dev.panaformer.nn.Weights;

/** What config.json says of an encoder of texts, whatever its family. */
public sealed interface EncoderConfig permits BertConfig, PreNormConfig {

  int vocabSize();

  int hiddenSize();

  int numHiddenLayers();

  int numAttentionHeads();

  int intermediateSize();

  /** How many token types there are; 0 for none at all. */
  int typeVocabSize();

  /** The longest sequence that has positions. */
  int maxTokens();

  /** How the checkpoint spells the names that the model asks for. */
  WeightNames weightNames();

  /**
   * Loads the encoder, with or without a head in the same checkpoint.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or has not the
   *     shape that the configuration says
   */
  TextEncoder encoder(Weights weights);

  /** Loads the encoder under the head that the configuration names, if it names one. */
  TextEncoder task(Weights weights);

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing, wrong, or asks for
   *     what we do not do, naming it
   */
  static EncoderConfig of(ConfigJson json) {
    return switch (json.requireString("model_type")) {
      case "linformer" -> LinformerConfig.of(json);
      case "performer" -> PerformerConfig.of(json);
      default -> BertConfig.of(json);
    };
  }
}
