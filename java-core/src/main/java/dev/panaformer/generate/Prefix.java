package dev.panaformer.generate;

/**
 * A common beginning of many texts, such as a system prompt. It is evaluated once and kept in the
 * key-value cache. Texts that continue it share its blocks until they write into them. Their
 * results are the same, to the last bit, as without the prefix.
 *
 * <p>Thread-safe. Closing the prefix does not affect generations that already use its blocks. If it
 * becomes unreachable before it is closed, its blocks are released, and a warning is logged.
 */
public interface Prefix extends AutoCloseable {

  /** The number of tokens in the prefix. */
  int length();

  /** Releases the blocks as soon as no text uses them. Closing again has no effect. */
  @Override
  void close();
}
