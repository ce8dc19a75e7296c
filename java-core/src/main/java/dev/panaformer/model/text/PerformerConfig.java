package dev.panaformer.model.text;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.attention.FeatureMap;
import dev.panaformer.kernel.attention.RandomFeatures;
import dev.panaformer.nn.EncoderAttention;
import dev.panaformer.nn.OrthogonalFeatures;
import dev.panaformer.nn.PerformerAttention;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/**
 * Performer (Choromanski et al. 2021).
 *
 * @param kernel the function that maps a query or a key to its random features
 * @param causal whether a token attends only to itself and to the tokens before it
 */
public record PerformerConfig(Shape shape, FeatureMap kernel, boolean causal, int numRandomFeatures)
    implements PreNormConfig {
  private static final Set<String> FIELDS = Set.of("kernel", "causal", "num_random_features");
  private static final String FEATURES = "random_features.weight";

  /** The seed of the random features if the checkpoint has none. */
  private static final long SEED = 0;

  /**
   * @throws CheckpointException if a field is missing, wrong or not known; the message names the
   *     field
   */
  public static PerformerConfig of(ConfigJson json) {
    Shape shape = Shape.of(json, FIELDS);
    FeatureMap kernel =
        switch (json.requireString("kernel")) {
          case "softmax" -> FeatureMap.SOFTMAX;
          case "relu" -> FeatureMap.RELU;
          default -> throw json.unsupported("kernel", "\"softmax\" or \"relu\"");
        };
    return new PerformerConfig(
        shape,
        kernel,
        json.optionalBoolean("causal", false),
        json.requireInt("num_random_features", 1, 1 << 20));
  }

  @Override
  public EncoderAttention attention(Weights weights, int layer) {
    int hidden = shape.hiddenSize();
    int dim = shape.headDim();
    MemorySegment features =
        weights.has(FEATURES)
            ? weights.tensor(FEATURES, numRandomFeatures, dim)
            : drawn(weights, layer);
    return new PerformerAttention(
        weights.concatenated(hidden, hidden, "query", "key", "value"),
        weights.linear("output", hidden, hidden),
        shape.numAttentionHeads(),
        RandomFeatures.of(kernel, features, numRandomFeatures, dim),
        causal);
  }

  private MemorySegment drawn(Weights weights, int layer) {
    float[] features =
        OrthogonalFeatures.draw(
            OrthogonalFeatures.layerSeed(SEED, layer), numRandomFeatures, shape.headDim());
    return weights.floats(
        features.length, to -> MemorySegment.copy(features, 0, to, JAVA_FLOAT, 0, features.length));
  }
}
