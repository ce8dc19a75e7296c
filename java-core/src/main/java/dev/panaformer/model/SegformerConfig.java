package dev.panaformer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.nn.WeightNames;
import java.util.List;

/**
 * The fields of config.json that decide what SegFormer computes. Lists have one element a stage.
 *
 * @param srRatios by how much keys and values are fewer than queries, along each side
 * @param strides places from patch to patch
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
  static SegformerConfig of(ConfigJson json) {
    int stages = json.optionalInt("num_encoder_blocks", 4, 1, 16);
    List<Integer> hidden =
        perStage(json, "hidden_sizes", 1 << 20, stages, List.of(32, 64, 160, 256));
    List<Integer> heads =
        perStage(json, "num_attention_heads", 1 << 16, stages, List.of(1, 2, 5, 8));
    for (int i = 0; i < stages; i++) {
      VisionConfig.headDim(json, "num_attention_heads", hidden.get(i), heads.get(i));
    }
    return new SegformerConfig(
        VisionConfig.architecture(json, "SegformerModel"),
        json.optionalInt("num_channels", 3, 1, 1 << 12),
        perStage(json, "depths", 1 << 16, stages, List.of(2, 2, 2, 2)),
        perStage(json, "sr_ratios", 1 << 10, stages, List.of(8, 4, 2, 1)),
        hidden,
        perStage(json, "patch_sizes", 1 << 10, stages, List.of(7, 3, 3, 3)),
        perStage(json, "strides", 1 << 10, stages, List.of(4, 2, 2, 2)),
        heads,
        mlpRatios(json, stages),
        BertConfig.activation(json, "hidden_act"),
        json.optionalInt("decoder_hidden_size", 256, 1, 1 << 20),
        json.optionalBoolean("reshape_last_stage", true),
        BertConfig.labels(json),
        BertConfig.problemType(json));
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

  int stages() {
    return hiddenSizes.size();
  }
}
