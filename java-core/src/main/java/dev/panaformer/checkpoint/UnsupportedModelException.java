package dev.panaformer.checkpoint;

/**
 * Thrown for a valid checkpoint of a model that Panaformer does not support. The message names the
 * file, the field, and what is supported.
 */
public final class UnsupportedModelException extends CheckpointException {
  private static final long serialVersionUID = 1L;

  public UnsupportedModelException(String message) {
    super(message);
  }
}
