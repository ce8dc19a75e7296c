package dev.panaformer.checkpoint;

import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * Named tensors in a file, under the names that Hugging Face gives them. What the file claims has
 * been checked against its real extent when an instance exists.
 *
 * <p>Safe for use by several threads until it is closed.
 */
public interface Checkpoint extends AutoCloseable {

  /** The file, for messages. */
  Path source();

  /** What the writer left beside the tensors; empty where the format has no place for it. */
  default Map<String, String> metadata() {
    return Map.of();
  }

  /** All tensor names, in the order of the file. */
  Set<String> names();

  /**
   * The tensor as the file stores it, of whatever dtype, over memory that lives as long as {@code
   * arena}: a read-only map of just its bytes where the format allows. Mapped memory is for Java to
   * read, never for native code: a file that shrinks under a map is an {@link InternalError} in
   * Java and the end of the process in C.
   *
   * @throws CheckpointException if there is no such tensor
   */
  Tensor tensor(String name, Arena arena);

  @Override
  void close();
}
