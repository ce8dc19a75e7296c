package dev.panaformer.model.vision;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.image.preprocessing.PreprocessorDefaults;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.ProblemType;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The configuration of a plain vision transformer: the fields of config.json that its results
 * depend on.
 *
 * @param imageHeight the height of the images for which positions were learned
 * @param poolerOutputSize the number of features of the pooler, if the checkpoint has one
 * @param sinCosPositions whether positions are computed rather than stored. This is {@code
 *     "position_embedding_type": "sincos_2d"}, a field of Panaformer for checkpoints without the
 *     table
 * @param numDetectionTokens the number of tokens after the patches; 0 in all families but YOLOS
 * @param useMidPositionEmbeddings whether positions are added after every layer but the last
 */
public record VitConfig(
    VitFamily family,
    String architecture,
    int hiddenSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int headDim,
    int intermediateSize,
    Activation hiddenAct,
    float layerNormEps,
    int imageHeight,
    int imageWidth,
    int patchHeight,
    int patchWidth,
    int numChannels,
    boolean qkvBias,
    int poolerOutputSize,
    Activation poolerAct,
    boolean sinCosPositions,
    int numDetectionTokens,
    boolean useMidPositionEmbeddings,
    List<String> labels,
    ProblemType problemType)
    implements VisionConfig {

  /**
   * @throws CheckpointException if a field is missing, wrong or not supported; the message names
   *     the field
   */
  public static VitConfig of(ConfigJson json) {
    VitFamily family = VitFamily.of(json.requireString("model_type")).orElseThrow();
    boolean yolos = family == VitFamily.YOLOS;
    int hidden = json.optionalInt("hidden_size", 768, 1, 1 << 20);
    int heads = json.optionalInt("num_attention_heads", 12, 1, hidden);
    int[] image =
        ConfigFields.heightAndWidth(json, "image_size", yolos ? 512 : 224, yolos ? 864 : 224);
    int[] patch = ConfigFields.heightAndWidth(json, "patch_size", 16, 16);
    if (patch[0] > image[0] || patch[1] > image[1]) {
      throw json.wrong("patch_size", "no more than image_size");
    }
    boolean computed = computesPositions(json);
    if (computed && hidden % 4 != 0) {
      throw json.wrong("hidden_size", "a multiple of 4, for two-dimensional sin-cos positions");
    }
    return new VitConfig(
        family,
        ConfigFields.architecture(json, "Model"),
        hidden,
        json.optionalInt("num_hidden_layers", 12, 1, 1 << 16),
        heads,
        ConfigFields.headDim(json, "num_attention_heads", hidden, heads),
        json.optionalInt("intermediate_size", 3072, 1, 1 << 24),
        ConfigFields.activation(json, "hidden_act", "gelu"),
        (float) json.optionalDouble("layer_norm_eps", 1e-12, 0, 1),
        image[0],
        image[1],
        patch[0],
        patch[1],
        json.optionalInt("num_channels", 3, 1, 1 << 12),
        json.optionalBoolean("qkv_bias", true),
        yolos ? hidden : json.optionalInt("pooler_output_size", hidden, 1, 1 << 20),
        json.has("pooler_act") && !yolos
            ? ConfigFields.activation(json, "pooler_act", "tanh")
            : Activation.TANH,
        computed,
        yolos ? json.optionalInt("num_detection_tokens", 100, 1, 1 << 16) : 0,
        yolos && json.optionalBoolean("use_mid_position_embeddings", true),
        ConfigFields.labels(json),
        ConfigFields.problemType(json));
  }

  private static boolean computesPositions(ConfigJson json) {
    return switch (json.optionalString("position_embedding_type", "absolute")) {
      case "absolute" -> false;
      case "sincos_2d" -> true;
      default -> throw json.unsupported("position_embedding_type", "absolute or sincos_2d");
    };
  }

  @Override
  public WeightNames weightNames() {
    return family.weightNames();
  }

  @Override
  public PreprocessorDefaults preprocessing() {
    return family.preprocessing();
  }

  @Override
  public VitModel encoder(Weights weights) {
    return VitModel.load(weights, this);
  }

  @Override
  public boolean hasClassTokens() {
    return true;
  }

  /** {@inheritDoc} DeiT has a second layer for its distillation token. */
  @Override
  public List<String> classifiers() {
    return architecture.endsWith("WithTeacher")
        ? List.of("cls_classifier", "distillation_classifier")
        : List.of("classifier");
  }

  @Override
  public Map<String, Function<Weights, VisionTask>> heads() {
    return Map.of(
        "YolosForObjectDetection", weights -> YolosForObjectDetection.load(weights, this));
  }

  /** The number of rows of patches in an image of the size for which positions were learned. */
  int gridRows() {
    return imageHeight / patchHeight;
  }

  int gridColumns() {
    return imageWidth / patchWidth;
  }
}
