package dev.panaformer.kernel.decoding;

/** The key-value cache has too few free blocks for what was asked; nothing was taken. */
public final class CacheExhaustedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param asked blocks that are needed
   * @param free blocks that nobody has
   * @param total blocks that there are
   */
  public CacheExhaustedException(int asked, int free, int total) {
    super(asked + " blocks of the key-value cache asked for, " + free + " of " + total + " free");
  }
}
