package dev.panaformer.model.vision;

import dev.panaformer.model.Network;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/**
 * A model that reads images, alone or under the head that {@code architectures} names. Immutable
 * and thread-safe; each pass needs a {@link Workspace} of its own. The memory and the kernels
 * belong to whoever loaded the model.
 */
public non-sealed interface VisionTask extends Network {

  @Override
  VisionConfig config();

  /**
   * Runs images of one size.
   *
   * @param interpolatePositions whether images may have another size than the one for which
   *     positions were learned; models that take any size ignore it
   * @param trace told every intermediate result that has a name, and the results
   * @return the result, in the workspace until its next pass
   * @throws IllegalArgumentException if the model cannot read images of this size or these channels
   */
  MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace);
}
