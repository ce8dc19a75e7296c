package dev.panaformer.model.vision;

import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.Network;
import dev.panaformer.nn.Trace;
import java.lang.foreign.MemorySegment;

/**
 * A model of images, without or with the head that {@code architectures} names. Immutable and
 * thread-safe; each concurrent forward pass needs a {@link Workspace} of its own. The caller that
 * loads the model owns its memory and its kernels.
 */
public non-sealed interface VisionTask extends Network {

  @Override
  VisionConfig config();

  /**
   * Evaluates the model on images of the same size.
   *
   * @param interpolatePositions whether images may have another size than the one for which
   *     positions were learned; models that take any size ignore it
   * @param trace receives every intermediate result that has a name, and the results
   * @return the result, in the workspace; valid until its next pass
   * @throws IllegalArgumentException if the model cannot read images of this size or these channels
   */
  MemorySegment forward(
      Images images, boolean interpolatePositions, Workspace workspace, Trace trace);
}
