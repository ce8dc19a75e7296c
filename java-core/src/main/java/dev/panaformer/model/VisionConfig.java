package dev.panaformer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.nn.WeightNames;
import java.util.List;
import java.util.stream.Stream;

/** What config.json says of a model that reads images. */
public sealed interface VisionConfig permits VitConfig, SwinConfig, SegformerConfig {

  /** The class that the checkpoint was saved from, such as {@code ViTForImageClassification}. */
  String architecture();

  /** Channels of an image, 3 for colours. */
  int numChannels();

  /** The names of a head's outputs, by index. */
  List<String> labels();

  /** What the scores of labels are. */
  ProblemType problemType();

  /** How the checkpoint spells the names of weights. */
  WeightNames weightNames();

  /** Whether a config.json is of one of these. */
  static boolean describes(ConfigJson json) {
    return json.has("model_type") && modelTypes().contains(json.requireString("model_type"));
  }

  /**
   * Reads the fields, with Hugging Face's defaults for those that may be left out.
   *
   * @throws CheckpointException naming the field that is missing, wrong, or asks for what is not
   *     supported
   */
  static VisionConfig of(ConfigJson json) {
    return switch (json.requireString("model_type")) {
      case "swin" -> SwinConfig.of(json);
      case "segformer" -> SegformerConfig.of(json);
      case String type when VitFamily.of(type).isPresent() -> VitConfig.of(json);
      default -> throw json.unsupported("model_type", "one of " + modelTypes());
    };
  }

  private static List<String> modelTypes() {
    return Stream.concat(
            Stream.of(VitFamily.values()).map(VitFamily::modelType), Stream.of("swin", "segformer"))
        .toList();
  }

  /** {@code architectures}, or what the file's class would be without a head. */
  static String architecture(ConfigJson json, String base) {
    List<String> architectures = json.strings("architectures");
    return architectures.isEmpty() ? base : architectures.get(0);
  }

  /** Height and width of a field that holds both, or one number for both. */
  static int[] size(ConfigJson json, String field, int absentHeight, int absentWidth) {
    List<Integer> size = json.integers(field, 1, 1 << 20);
    return switch (size.size()) {
      case 0 -> new int[] {absentHeight, absentWidth};
      case 1 -> new int[] {size.get(0), size.get(0)};
      case 2 -> new int[] {size.get(0), size.get(1)};
      default -> throw json.wrong(field, "an integer, or height and width");
    };
  }

  /** The features of one of {@code heads} heads. */
  static int headDim(ConfigJson json, String field, int hidden, int heads) {
    if (hidden % heads != 0 || hidden / heads > 256) {
      throw json.wrong(
          field,
          "a divisor of the hidden size " + hidden + " that leaves at most 256 features a head");
    }
    return hidden / heads;
  }
}
