package dev.panaformer.model;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.nn.WeightNames;
import dev.panaformer.nn.Weights;
import java.util.function.Function;

/**
 * Whatever model a config.json describes, for those to whom it is all one.
 *
 * @param weightNames how its checkpoints spell names
 * @param loader reads all of its weights
 */
public record Architecture(WeightNames weightNames, Function<Weights, Object> loader) {

  /**
   * @throws dev.panaformer.checkpoint.CheckpointException if it is none that can be run
   */
  public static Architecture of(ConfigJson json) {
    if (CausalConfig.describes(json)) {
      CausalConfig c = CausalConfig.of(json);
      return new Architecture(c.weightNames(), weights -> CausalModel.load(weights, c));
    }
    if (VisionConfig.describes(json)) {
      VisionConfig c = VisionConfig.of(json);
      return new Architecture(c.weightNames(), weights -> VisionTask.load(weights, c));
    }
    if (Seq2SeqConfig.describes(json)) {
      Seq2SeqConfig c = Seq2SeqConfig.of(json);
      return new Architecture(c.weightNames(), weights -> Seq2SeqModel.load(weights, c));
    }
    EncoderConfig c = EncoderConfig.of(json);
    return new Architecture(c.weightNames(), c::task);
  }
}
