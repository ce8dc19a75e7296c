package dev.panaformer.model;

import dev.panaformer.nn.WeightNames;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** What sets the plain vision transformers apart: their extra tokens, and where these stand. */
public enum VitFamily {
  /** Dosovitskiy et al. 2021. */
  VIT("vit", List.of("cls_token"), "vit."),
  /** Touvron et al. 2021: with a second token that learns from a teacher. */
  DEIT("deit", List.of("cls_token", "distillation_token"), "deit."),
  /** Fang et al. 2021: with tokens behind the patches that become objects. */
  YOLOS("yolos", List.of("cls_token"), "vit.");

  private final String modelType;
  private final List<String> tokens;
  private final String prefix;

  VitFamily(String modelType, List<String> tokens, String prefix) {
    this.modelType = modelType;
    this.tokens = tokens;
    this.prefix = prefix;
  }

  static Optional<VitFamily> of(String modelType) {
    return Arrays.stream(values()).filter(f -> f.modelType.equals(modelType)).findFirst();
  }

  String modelType() {
    return modelType;
  }

  /** The weights of the tokens before the patches. */
  List<String> tokens() {
    return tokens;
  }

  WeightNames weightNames() {
    return WeightNames.SAME
        .orPrefixed(prefix)
        .orRenamed("encoder.mid_position", "encoder.interpolation.mid_position");
  }
}
