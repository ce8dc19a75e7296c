package dev.panaformer.model.vision;

import dev.panaformer.model.ModelConfig;
import dev.panaformer.model.ModelKind;
import dev.panaformer.model.ProblemType;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.image.preprocessing.PreprocessorDefaults;
import dev.panaformer.nn.Weights;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** What config.json says of a model that reads images, whatever its family. */
public non-sealed interface VisionConfig extends ModelConfig {

  /** The class that the checkpoint was saved from, such as {@code ViTForImageClassification}. */
  String architecture();

  /** Channels of an image, 3 for colours. */
  int numChannels();

  /** Features of the encoder's last hidden states. */
  int hiddenSize();

  /** The names of a head's outputs, by index. */
  List<String> labels();

  /** What the scores of labels are. */
  ProblemType problemType();

  /** How images are preprocessed where preprocessor_config.json does not say. */
  PreprocessorDefaults preprocessing();

  /**
   * Loads the encoder, with or without a head in the same checkpoint.
   *
   * @throws CheckpointException if a weight is missing or does not have the shape that the
   *     configuration says
   */
  VisionEncoder encoder(Weights weights);

  /**
   * Whether image classification reads class tokens, the first of each image, with one linear layer
   * for each of them. Otherwise a single layer reads the mean of all tokens.
   */
  default boolean hasClassTokens() {
    return false;
  }

  /** The names of the linear layers of image classification, whose scores are averaged. */
  default List<String> classifiers() {
    return List.of("classifier");
  }

  /**
   * The heads of the family other than image classification: how each is loaded, by the class that
   * {@code architectures} names.
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
   * Reads the configuration of a model of images, with Hugging Face's defaults for the fields that
   * may be left out.
   *
   * @throws CheckpointException naming the field that is missing, wrong, or asks for what is not
   *     supported
   */
  static VisionConfig of(ConfigJson json) {
    return (VisionConfig) ModelKind.VISION.read(json);
  }
}
