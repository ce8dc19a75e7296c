package dev.panaformer.nn.weights;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * A tensor that contains NaNs or infinities. Such a tensor comes from a training run that diverged,
 * or from a damaged file.
 *
 * @param tensor its name in the checkpoint
 * @param count the number of elements that are not finite
 * @param elements the number of all elements
 */
public record NonFiniteWeights(String tensor, long count, long elements) {

  /**
   * Checks one tensor of a checkpoint. Empty if the tensor holds integers or only finite numbers.
   */
  public static Optional<NonFiniteWeights> in(Checkpoint checkpoint, String name) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = checkpoint.tensor(name, arena);
      if (!tensor.dtype().isFloat()) {
        return Optional.empty();
      }
      long count = countNonFinite(tensor.toFloat32(arena), tensor.elements());
      return count == 0
          ? Optional.empty()
          : Optional.of(new NonFiniteWeights(name, count, tensor.elements()));
    }
  }

  private static long countNonFinite(MemorySegment floats, long elements) {
    long count = 0;
    for (long i = 0; i < elements; i++) {
      if (!Float.isFinite(floats.getAtIndex(ValueLayout.JAVA_FLOAT, i))) {
        count++;
      }
    }
    return count;
  }
}
