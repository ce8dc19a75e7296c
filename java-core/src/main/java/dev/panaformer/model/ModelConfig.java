package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.model.decoder.DecoderConfig;
import dev.panaformer.model.text.EncoderConfig;
import dev.panaformer.model.vision.VisionConfig;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.util.List;
import java.util.Optional;

/**
 * The configuration of a model of any kind, as read from config.json. {@link #of} is the one place
 * that decides which model a folder holds. {@link ModelKind} lists the families.
 *
 * <p>The set of kinds is closed, so a {@code switch} over {@link EncoderConfig}, {@link
 * dev.panaformer.model.decoder.CausalConfig}, {@link dev.panaformer.model.decoder.Seq2SeqConfig}
 * and {@link VisionConfig} is complete. The set of families of a kind is open. A new family
 * implements the interface of its kind and adds a row to {@link ModelKind}.
 */
public sealed interface ModelConfig permits EncoderConfig, DecoderConfig, VisionConfig {

  /**
   * The sizes by which language models are usually compared.
   *
   * @param layers the number of layers, of the encoder and the decoder together
   * @param heads the number of query heads
   * @param vocabulary the number of tokens in the vocabulary
   * @param maxTokens the maximum number of tokens of an input
   */
  record Figures(
      int layers, int hidden, int heads, int intermediate, int vocabulary, int maxTokens) {}

  /**
   * Reads the configuration of any model.
   *
   * @throws dev.panaformer.checkpoint.UnsupportedModelException if {@code model_type} is not known,
   *     or a field requests something that is not supported
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing or wrong
   */
  static ModelConfig of(ConfigJson json) {
    return ModelKind.readAny(json);
  }

  /**
   * A name of the model for messages: the classes of {@code architectures}, or {@code model_type}
   * if the file names no class. It does not depend on whether the model is supported.
   */
  static String name(ConfigJson json) {
    List<String> classes = json.strings("architectures");
    return classes.isEmpty() ? json.optionalString("model_type", "") : String.join(", ", classes);
  }

  ModelKind kind();

  /** Empty for models of images, whose stages have different sizes. */
  Optional<Figures> figures();

  /** Maps the names of weights in the model to the names in the checkpoint. */
  WeightNames weightNames();

  /**
   * Loads the model, with a head if the configuration names one.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration implies
   */
  Network load(Weights weights);
}
