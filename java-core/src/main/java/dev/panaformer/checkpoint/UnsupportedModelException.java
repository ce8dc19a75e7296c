package dev.panaformer.checkpoint;

/**
 * A checkpoint with nothing wrong with it, of a model that Panaformer does not run. The message
 * names the file, the field, and what is supported.
 */
public final class UnsupportedModelException extends CheckpointException {
  private static final long serialVersionUID = 1L;

  public UnsupportedModelException(String message) {
    super(message);
  }
}
