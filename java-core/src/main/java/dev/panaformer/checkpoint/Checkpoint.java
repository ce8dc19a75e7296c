package dev.panaformer.checkpoint;

import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * Named tensors in a file, under the names that Hugging Face uses. When an instance exists, the
 * offsets and sizes in the file have been checked against its actual length.
 *
 * <p>Thread-safe until it is closed.
 */
public interface Checkpoint extends AutoCloseable {

  /** The file, for messages. */
  Path source();

  /** The metadata that the writer stored with the tensors; empty if the format has no metadata. */
  default Map<String, String> metadata() {
    return Map.of();
  }

  /** All tensor names, in the order of the file. */
  Set<String> names();

  /**
   * The tensor as the file stores it, with its original dtype. Its memory lives as long as {@code
   * arena}. If the format allows it, the memory is a read-only mapping of the tensor's bytes.
   * Mapped memory must only be read by Java, never by native code: if the file shrinks while it is
   * mapped, Java throws an {@link InternalError}, but C code ends the process.
   *
   * @throws CheckpointException if there is no such tensor
   */
  Tensor tensor(String name, Arena arena);

  @Override
  void close();
}
