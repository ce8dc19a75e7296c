package dev.panaformer.model.vision;

import dev.panaformer.model.ConfigFields;
import dev.panaformer.model.ProblemType;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.image.preprocessing.ImageSize;
import dev.panaformer.image.preprocessing.PreprocessorDefaults;
import dev.panaformer.image.preprocessing.Resampling;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.nn.WeightNames;
import dev.panaformer.nn.Weights;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The fields of config.json that decide what SegFormer computes. Lists have one element for each
 * stage.
 *
 * @param srRatios how many times fewer keys and values there are than queries, along each side
 * @param strides pixels or tokens from one patch to the next
 * @param reshapeLastStage whether the reference's last hidden state has the shape of a map
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
   * @throws CheckpointException naming the field that is missing, wrong, or asks for what is not
   *     supported
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
      ConfigJson json, String field, int max, int stages, List<Integer> absent) {
    List<Integer> values = json.has(field) ? json.integers(field, 1, max) : absent;
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

  /** Features of the last stage. */
  @Override
  public int hiddenSize() {
    return hiddenSizes.getLast();
  }

  int stages() {
    return hiddenSizes.size();
  }
}
