package dev.panaformer.kernel;

/** The key-value cache has too few free blocks. */
public final class CacheExhaustedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public CacheExhaustedException(int asked, int free, int total) {
    super(asked + " blocks of the key-value cache asked for, " + free + " of " + total + " free");
  }
}
