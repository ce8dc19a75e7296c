package dev.panaformer.model;

import dev.panaformer.model.decoder.DecoderConfig;
import dev.panaformer.model.text.EncoderConfig;
import dev.panaformer.model.vision.VisionConfig;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.nn.WeightNames;
import dev.panaformer.nn.Weights;
import java.util.List;
import java.util.Optional;

/**
 * What config.json says of a model, whatever its kind. This is the one place that answers which
 * model a folder holds; {@link ModelKind} lists the families.
 *
 * <p>The kinds are a closed set, so a {@code switch} over {@link EncoderConfig}, {@link
 * CausalConfig}, {@link Seq2SeqConfig} and {@link VisionConfig} is complete. The families of a kind
 * are open: a new one implements the interface of its kind and adds a row to {@link ModelKind},
 * without a second list of subtypes to keep in step.
 */
public sealed interface ModelConfig permits EncoderConfig, DecoderConfig, VisionConfig {

  /**
   * The figures by which people compare models of texts.
   *
   * @param layers of the encoder and the decoder together
   * @param heads of the queries
   * @param vocabulary tokens that the model knows
   * @param maxTokens of a text that the model reads
   */
  record Figures(
      int layers, int hidden, int heads, int intermediate, int vocabulary, int maxTokens) {}

  /**
   * Reads the configuration of any model.
   *
   * @throws dev.panaformer.checkpoint.UnsupportedModelException if {@code model_type} is none that
   *     is known, or a field asks for what is not supported
   * @throws dev.panaformer.checkpoint.CheckpointException if a field is missing or wrong
   */
  static ModelConfig of(ConfigJson json) {
    return ModelKind.readAny(json);
  }

  /**
   * What people call the model: the classes of {@code architectures}, or {@code model_type} where
   * the file names no class. Known or not, the model has a name.
   */
  static String name(ConfigJson json) {
    List<String> classes = json.strings("architectures");
    return classes.isEmpty() ? json.optionalString("model_type", "") : String.join(", ", classes);
  }

  ModelKind kind();

  /** Empty for models of images, in which each stage has figures of its own. */
  Optional<Figures> figures();

  /** How the checkpoint spells the names of weights that the model asks for. */
  WeightNames weightNames();

  /**
   * Loads the model, under the head that the configuration names if it names one.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if a weight is missing or does not have
   *     the shape that the configuration says
   */
  Network load(Weights weights);
}
