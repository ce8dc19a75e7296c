package dev.panaformer.kernel.decoding;

/** The key-value cache has fewer free blocks than a sequence needs. Nothing was allocated. */
public final class BlocksExhaustedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param asked the number of blocks that are needed
   * @param free the number of free blocks
   * @param total the number of all blocks of the cache
   */
  public BlocksExhaustedException(int asked, int free, int total) {
    super(asked + " blocks of the key-value cache asked for, " + free + " of " + total + " free");
  }
}
