package dev.panaformer.generate;

/**
 * The beginning that many texts have in common, such as a system prompt, which is read once and
 * kept in the key-value cache. Texts that continue it share its blocks until they write into them.
 * They become the same, to the last bit, as they would without it.
 *
 * <p>Thread-safe. Texts under way keep the blocks when the prefix is closed.
 */
public interface Prefix extends AutoCloseable {

  /** The number of tokens. */
  int length();

  /** Gives the blocks back when no text uses them any longer. Closing again does nothing. */
  @Override
  void close();
}
