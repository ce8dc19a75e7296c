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

/**
 * The configuration of a Swin transformer: the fields of config.json that its results depend on.
 *
 * @param embedDim the number of features of the first stage. Each further stage has twice as many
 * @param depths the number of layers of each stage
 * @param numHeads the number of heads of each stage
 * @param useAbsoluteEmbeddings whether patches have absolute position embeddings besides the
 *     relative position bias of windows
 */
public record SwinConfig(
    String architecture,
    int imageHeight,
    int imageWidth,
    int patchHeight,
    int patchWidth,
    int numChannels,
    int embedDim,
    List<Integer> depths,
    List<Integer> numHeads,
    int windowSize,
    double mlpRatio,
    boolean qkvBias,
    Activation hiddenAct,
    boolean useAbsoluteEmbeddings,
    float layerNormEps,
    List<String> labels,
    ProblemType problemType)
    implements VisionConfig {

  /**
   * @throws CheckpointException if a field is missing, wrong or not supported; the message names
   *     the field
   */
  public static SwinConfig of(ConfigJson json) {
    int[] image = ConfigFields.heightAndWidth(json, "image_size", 224, 224);
    int[] patch = ConfigFields.heightAndWidth(json, "patch_size", 4, 4);
    List<Integer> depths = orDefault(json.integers("depths", 1, 1 << 16), List.of(2, 2, 6, 2));
    List<Integer> heads = orDefault(json.integers("num_heads", 1, 1 << 16), List.of(3, 6, 12, 24));
    int embed = json.optionalInt("embed_dim", 96, 1, 1 << 16);
    if (heads.size() != depths.size() || depths.size() > 8) {
      throw json.wrong(
          "num_heads", "one number for each of the depths, of which there are at most 8");
    }
    for (int i = 0; i < heads.size(); i++) {
      ConfigFields.equalHeadDim(json, "num_heads", embed << i, heads.get(i));
    }
    return new SwinConfig(
        ConfigFields.architecture(json, "SwinModel"),
        image[0],
        image[1],
        patch[0],
        patch[1],
        json.optionalInt("num_channels", 3, 1, 1 << 12),
        embed,
        depths,
        heads,
        json.optionalInt("window_size", 7, 1, 1 << 8),
        json.optionalDouble("mlp_ratio", 4, 1e-3, 1 << 10),
        json.optionalBoolean("qkv_bias", true),
        ConfigFields.activation(json, "hidden_act", "gelu"),
        json.optionalBoolean("use_absolute_embeddings", false),
        (float) json.optionalDouble("layer_norm_eps", 1e-5, 0, 1),
        ConfigFields.labels(json),
        ConfigFields.problemType(json));
  }

  private static List<Integer> orDefault(List<Integer> values, List<Integer> defaults) {
    return values.isEmpty() ? defaults : values;
  }

  @Override
  public WeightNames weightNames() {
    return WeightNames.SAME.orPrefixed("swin.");
  }

  @Override
  public PreprocessorDefaults preprocessing() {
    return PreprocessorDefaults.STANDARD;
  }

  @Override
  public SwinModel encoder(Weights weights) {
    return SwinModel.load(weights, this);
  }

  /** The number of features of the last stage. */
  @Override
  public int hiddenSize() {
    return embedDim << depths.size() - 1;
  }
}
