package dev.panaformer.checkpoint;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Thrown for a checkpoint that cannot be used. The message names the file, the tensor or field, and
 * what was expected.
 */
public class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CheckpointException(String message) {
    super(message);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }

  /** For a file that cannot be read: that it is absent, that permission is denied, and so on. */
  public static CheckpointException unreadable(Path file, IOException e) {
    return new CheckpointException(file + ": " + FileProblem.reason(e), e);
  }
}
