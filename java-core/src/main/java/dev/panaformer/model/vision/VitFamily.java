package dev.panaformer.model.vision;

import dev.panaformer.image.preprocessing.ImageSize;
import dev.panaformer.image.preprocessing.PreprocessorDefaults;
import dev.panaformer.image.preprocessing.Resampling;
import dev.panaformer.nn.weights.WeightNames;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The families of plain vision transformers. A row has the family's extra tokens, the prefix of its
 * weight names, and its defaults for preprocessing.
 */
public enum VitFamily {
  /** Dosovitskiy et al. 2021. */
  VIT("vit", List.of("cls_token"), "vit.", PreprocessorDefaults.STANDARD),
  /** Touvron et al. 2021: has a distillation token beside the class token. */
  DEIT(
      "deit",
      List.of("cls_token", "distillation_token"),
      "deit.",
      new PreprocessorDefaults(
          new ImageSize.Exact(256, 256),
          Resampling.BICUBIC,
          Optional.of(new ImageSize.Exact(224, 224)),
          PreprocessorDefaults.HALF,
          PreprocessorDefaults.HALF)),
  /** Fang et al. 2021: has detection tokens after the patches, each of which detects an object. */
  YOLOS(
      "yolos",
      List.of("cls_token"),
      "vit.",
      new PreprocessorDefaults(
          new ImageSize.Shortest(800, 1333, 16),
          Resampling.BILINEAR,
          Optional.empty(),
          PreprocessorDefaults.IMAGENET_MEAN,
          PreprocessorDefaults.IMAGENET_STD));

  private final String modelType;
  private final List<String> tokens;
  private final String prefix;
  private final PreprocessorDefaults preprocessing;

  VitFamily(
      String modelType, List<String> tokens, String prefix, PreprocessorDefaults preprocessing) {
    this.modelType = modelType;
    this.tokens = tokens;
    this.prefix = prefix;
    this.preprocessing = preprocessing;
  }

  static Optional<VitFamily> of(String modelType) {
    return Arrays.stream(values()).filter(f -> f.modelType.equals(modelType)).findFirst();
  }

  /** All values of {@code model_type} of these families. */
  public static List<String> allModelTypes() {
    return Arrays.stream(values()).map(f -> f.modelType).toList();
  }

  /** The names of the weights of the tokens before the patches. */
  List<String> tokens() {
    return tokens;
  }

  PreprocessorDefaults preprocessing() {
    return preprocessing;
  }

  WeightNames weightNames() {
    return WeightNames.SAME
        .orPrefixed(prefix)
        .orRenamed("encoder.mid_position", "encoder.interpolation.mid_position");
  }
}
