package dev.panaformer.model.text;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.kernel.attention.SequenceProjections;
import dev.panaformer.nn.EncoderAttention;
import dev.panaformer.nn.LinformerAttention;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/**
 * Linformer (Wang et al. 2020).
 *
 * @param projectionLength the number of rows to which the keys and the values of a sequence are
 *     projected
 * @param shareKeyValueProjection whether keys and values of a layer have the same projection
 */
public record LinformerConfig(Shape shape, int projectionLength, boolean shareKeyValueProjection)
    implements PreNormConfig {
  private static final Set<String> FIELDS =
      Set.of("projection_length", "share_key_value_projection");

  /**
   * @throws CheckpointException if a field is missing, wrong or not known; the message names the
   *     field
   */
  public static LinformerConfig of(ConfigJson json) {
    Shape shape = Shape.of(json, FIELDS);
    return new LinformerConfig(
        shape,
        json.requireInt("projection_length", 1, 1 << 20),
        json.optionalBoolean("share_key_value_projection", false));
  }

  /**
   * {@inheritDoc} The projections along the sequence, such as {@code
   * attention.key_projection.weight}, are {@code [projected, positions]}.
   */
  @Override
  public EncoderAttention attention(Weights weights, int layer) {
    int hidden = shape.hiddenSize();
    String values = "value_projection.weight";
    if (shareKeyValueProjection && weights.has(values)) {
      throw new CheckpointException(
          "config.json: share_key_value_projection is true, but layer "
              + layer
              + " has a tensor attention."
              + values);
    }
    MemorySegment keys = projection(weights, "key_projection.weight");
    return new LinformerAttention(
        weights.concatenated(hidden, hidden, "query", "key", "value"),
        weights.linear("output", hidden, hidden),
        shape.numAttentionHeads(),
        shape.headDim(),
        new SequenceProjections(
            keys,
            shareKeyValueProjection ? keys : projection(weights, values),
            shape.maxPositionEmbeddings(),
            projectionLength));
  }

  private MemorySegment projection(Weights weights, String name) {
    return weights.transposedTensor(name, projectionLength, shape.maxPositionEmbeddings());
  }
}
