package dev.panaformer.generate;

/** The key-value cache has too few free blocks for a text. */
public final class CacheExhaustedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param asked the number of blocks that the text needs
   * @param free the number of blocks that no text holds
   * @param total the number of blocks of the cache
   */
  public CacheExhaustedException(int asked, int free, int total) {
    super(asked + " blocks of the key-value cache asked for, " + free + " of " + total + " free");
  }

  /** With the message of an exception of the cache. */
  public CacheExhaustedException(RuntimeException cause) {
    super(cause.getMessage(), cause);
  }
}
