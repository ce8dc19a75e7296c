package dev.panaformer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.UnsupportedModelException;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.Weights;
import java.lang.foreign.MemorySegment;

/**
 * A model that reads images, alone or under a head: what {@code architectures} of config.json
 * names. Immutable and thread-safe; each pass needs a {@link Workspace} of its own. The memory and
 * the kernels belong to whoever loaded the model.
 */
public sealed interface VisionTask
    permits VisionEncoder,
        ImageClassification,
        YolosForObjectDetection,
        SegformerForSemanticSegmentation {

  VisionConfig config();

  /**
   * Runs images of one size.
   *
   * @param interpolatePositions whether images may have another size than that for which positions
   *     were learned; of models that take any size it makes no difference
   * @param trace told every intermediate result that has a name, and the results
   * @return the result, in the workspace until its next pass
   * @throws IllegalArgumentException if the model cannot read images of this size or these channels
   */
  MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace);

  /**
   * Loads the architecture that config.json names.
   *
   * @throws CheckpointException if it is none of these, or the weights do not fit it
   */
  static VisionTask load(Weights weights, VisionConfig config) {
    String architecture = config.architecture();
    if (architecture.contains("ForImageClassification")) {
      return ImageClassification.load(weights, config);
    } else if (architecture.equals("YolosForObjectDetection")) {
      return YolosForObjectDetection.load(weights, (VitConfig) config);
    } else if (architecture.equals("SegformerForSemanticSegmentation")) {
      return SegformerForSemanticSegmentation.load(weights, (SegformerConfig) config);
    } else if (architecture.endsWith("Model")) {
      return VisionEncoder.load(weights, config);
    }
    throw new UnsupportedModelException(
        "config.json: architectures is "
            + architecture
            + ", expected a model alone, or one ForImageClassification, ForObjectDetection"
            + " (YOLOS) or ForSemanticSegmentation (SegFormer)");
  }
}
