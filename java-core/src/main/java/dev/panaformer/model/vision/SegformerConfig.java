package dev.panaformer.model.vision;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.image.preprocessing.ImageSize;
import dev.panaformer.image.preprocessing.PreprocessorDefaults;
import dev.panaformer.image.preprocessing.Resampling;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.ProblemType;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The configuration of SegFormer: the fields of config.json that its results depend on. Lists have
 * one element for each stage.
 *
 * @param srRatios the factor by which the map of keys and values is smaller than that of queries,
 *     along each side
 * @param strides the distance from one patch to the next, in pixels or tokens
 * @param reshapeLastStage whether the last hidden state of the reference is a map {@code [count,
 *     hidden, height, width]}
 */
public record SegformerConfig(
    String architecture,
    int numChannels,
    List<Integer> depths,
    List<Integer> srRatios,
    List<Integer> hiddenSizes,
    List<Integer> patchSizes,
    List<Integer> strides,
    List<Integer> numAttentionHeads,
    List<Double> mlpRatios,
    Activation hiddenAct,
    int decoderHiddenSize,
    boolean reshapeLastStage,
    List<String> labels,
    ProblemType problemType)
    implements VisionConfig {

  /**
   * @throws CheckpointException if a field is missing, wrong or not supported; the message names
   *     the field
   */
  public static SegformerConfig of(ConfigJson json) {
    int stages = json.optionalInt("num_encoder_blocks", 4, 1, 16);
    List<Integer> hidden =
        perStage(json, "hidden_sizes", 1 << 20, stages, List.of(32, 64, 160, 256));
    List<Integer> heads =
        perStage(json, "num_attention_heads", 1 << 16, stages, List.of(1, 2, 5, 8));
    for (int i = 0; i < stages; i++) {
      ConfigFields.equalHeadDim(json, "num_attention_heads", hidden.get(i), heads.get(i));
    }
    return new SegformerConfig(
        ConfigFields.architecture(json, "SegformerModel"),
        json.optionalInt("num_channels", 3, 1, 1 << 12),
        perStage(json, "depths", 1 << 16, stages, List.of(2, 2, 2, 2)),
        perStage(json, "sr_ratios", 1 << 10, stages, List.of(8, 4, 2, 1)),
        hidden,
        perStage(json, "patch_sizes", 1 << 10, stages, List.of(7, 3, 3, 3)),
        perStage(json, "strides", 1 << 10, stages, List.of(4, 2, 2, 2)),
        heads,
        mlpRatios(json, stages),
        ConfigFields.activation(json, "hidden_act", "gelu"),
        json.optionalInt("decoder_hidden_size", 256, 1, 1 << 20),
        json.optionalBoolean("reshape_last_stage", true),
        ConfigFields.labels(json),
        ConfigFields.problemType(json));
  }

  private static List<Integer> perStage(
      ConfigJson json, String field, int max, int stages, List<Integer> defaults) {
    List<Integer> values = json.has(field) ? json.integers(field, 1, max) : defaults;
    if (values.size() < stages) {
      throw json.wrong(field, "a number for each of " + stages + " stages");
    }
    return values.subList(0, stages);
  }

  private static List<Double> mlpRatios(ConfigJson json, int stages) {
    String field = "mlp_ratios";
    List<Double> ratios =
        json.has(field) ? json.numbers(field, 1e-3, 1 << 10) : List.of(4.0, 4.0, 4.0, 4.0);
    if (ratios.size() < stages) {
      throw json.wrong(field, "a number for each of " + stages + " stages");
    }
    return ratios.subList(0, stages);
  }

  @Override
  public WeightNames weightNames() {
    return WeightNames.SAME.orPrefixed("segformer.");
  }

  @Override
  public PreprocessorDefaults preprocessing() {
    return new PreprocessorDefaults(
        new ImageSize.Exact(512, 512),
        Resampling.BILINEAR,
        Optional.empty(),
        PreprocessorDefaults.IMAGENET_MEAN,
        PreprocessorDefaults.IMAGENET_STD);
  }

  @Override
  public SegformerModel encoder(Weights weights) {
    return SegformerModel.load(weights, this);
  }

  @Override
  public Map<String, Function<Weights, VisionTask>> heads() {
    return Map.of(
        "SegformerForSemanticSegmentation",
        weights -> SegformerForSemanticSegmentation.load(weights, this));
  }

  /** The number of features of the last stage. */
  @Override
  public int hiddenSize() {
    return hiddenSizes.getLast();
  }

  int stages() {
    return hiddenSizes.size();
  }
}
