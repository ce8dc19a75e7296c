package dev.panaformer.model.vision;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.image.preprocessing.PreprocessorDefaults;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.model.ModelKind;
import dev.panaformer.model.ProblemType;
import dev.panaformer.nn.weights.Weights;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The configuration of a model of images of any family. */
public non-sealed interface VisionConfig extends ModelConfig {

  /** The class that the checkpoint was saved from, such as {@code ViTForImageClassification}. */
  String architecture();

  /** The number of channels of an image, 3 for colours. */
  int numChannels();

  /** The number of features of the encoder's last hidden states. */
  int hiddenSize();

  /** The names of a head's outputs, by index. */
  List<String> labels();

  /** The meaning of the scores of labels. */
  ProblemType problemType();

  /** The defaults for fields of preprocessing that preprocessor_config.json does not have. */
  PreprocessorDefaults preprocessing();

  /**
   * Loads the encoder. The checkpoint may also have the weights of a head.
   *
   * @throws CheckpointException if a weight is missing or does not have the shape that the
   *     configuration implies
   */
  VisionEncoder encoder(Weights weights);

  /**
   * Whether image classification reads class tokens, which are the first tokens of an image. Each
   * class token has a linear layer of its own. Otherwise a single layer reads the mean of all
   * tokens.
   */
  default boolean hasClassTokens() {
    return false;
  }

  /** The names of the linear layers of image classification, whose scores are averaged. */
  default List<String> classifiers() {
    return List.of("classifier");
  }

  /**
   * The heads of the family other than image classification. Maps the class that {@code
   * architectures} names to the function that loads the model.
   */
  default Map<String, Function<Weights, VisionTask>> heads() {
    return Map.of();
  }

  /**
   * {@inheritDoc}
   *
   * @throws UnsupportedModelException if the family has no such head
   */
  @Override
  default VisionTask load(Weights weights) {
    String architecture = architecture();
    if (architecture.contains("ForImageClassification")) {
      return ImageClassification.load(weights, this);
    }
    if (heads().containsKey(architecture)) {
      return heads().get(architecture).apply(weights);
    }
    if (architecture.endsWith("Model")) {
      return encoder(weights);
    }
    throw new UnsupportedModelException(
        "config.json: architectures is "
            + architecture
            + ", expected a model alone, or one ForImageClassification"
            + String.join("", heads().keySet().stream().map(head -> " or " + head).toList()));
  }

  @Override
  default ModelKind kind() {
    return ModelKind.VISION;
  }

  @Override
  default Optional<Figures> figures() {
    return Optional.empty();
  }

  /**
   * Reads the configuration of a model of images, with Hugging Face's defaults for missing fields.
   *
   * @throws CheckpointException if a field is missing, wrong or not supported; the message names
   *     the field
   */
  static VisionConfig of(ConfigJson json) {
    return (VisionConfig) ModelKind.VISION.read(json);
  }
}
