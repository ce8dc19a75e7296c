package dev.panaformer.generate;

/** Thrown if the key-value cache has too few free blocks for a text. */
public final class CacheExhaustedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param asked the number of blocks that the text needs
   * @param free the number of free blocks
   * @param total the number of blocks in the cache
   */
  public CacheExhaustedException(int asked, int free, int total) {
    super(asked + " blocks of the key-value cache asked for, " + free + " of " + total + " free");
  }

  /** Takes the message of an exception that the cache has thrown. */
  public CacheExhaustedException(RuntimeException cause) {
    super(cause.getMessage(), cause);
  }
}
