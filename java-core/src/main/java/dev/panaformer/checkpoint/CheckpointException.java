package dev.panaformer.checkpoint;

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
}
