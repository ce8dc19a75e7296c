package dev.panaformer.generate.schedule;

import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.sampling.Candidates;
import java.lang.foreign.MemorySegment;

/**
 * The scheduler's interface to a decoder, with or without an encoder, and its key-value cache. A
 * pass consists of {@link #begin}, an {@link #add} for every sequence that takes part, and {@link
 * #forward}, which names the rows that will be needed. Rows are numbered in the order in which
 * tokens were added. After {@link #forward}, {@link #logits} and {@link #best} compute the logits
 * or the best tokens of these rows.
 *
 * <p>Not thread-safe. The results of a sequence depend only on its own tokens, to the last bit.
 * They depend neither on the other sequences of the pass nor on how its tokens were divided into
 * passes.
 */
public interface Decoder extends AutoCloseable {

  /** A sequence. Its tokens are in the cache. */
  interface Sequence extends AutoCloseable {
    /** The number of tokens in the cache, which is also the position of the next token. */
    int length();

    /**
     * A new sequence with the same tokens. Both share their blocks until one of them writes into a
     * block.
     */
    Sequence fork();

    /** Drops the tokens from position {@code length} on. */
    void truncate(int length);

    /** Releases the blocks. Closing again has no effect. */
    @Override
    void close();
  }

  /** The size of the vocabulary; token ids are below it. */
  int vocabulary();

  /** The maximum number of tokens in a sequence. */
  int contextLength();

  /** The number of blocks in the cache, free or not. */
  int blocks();

  /** The number of tokens in a block. */
  int blockTokens();

  /** Opens an empty sequence. */
  Sequence open();

  /** The maximum number of tokens in a source; 0 if there is no encoder. */
  default int sourceLength() {
    return 0;
  }

  /**
   * Opens an empty sequence that attends to a source. The encoder evaluates the source in the first
   * pass in which the sequence takes part. The keys and values of the source are kept in blocks of
   * the cache. All forks of the sequence share these blocks, and the last one to be closed releases
   * them.
   *
   * @throws UnsupportedOperationException if there is no encoder
   */
  default Sequence open(Source source) {
    throw new UnsupportedOperationException("a decoder without encoder");
  }

  /**
   * Opens an empty sequence whose prompt contains rows of embeddings.
   *
   * @param source as for {@link #open(Source)}; null for none
   * @param rows {@code [rows, width]}; the id {@code -1 - r}, when added to the sequence or to a
   *     fork of it, stands for row {@code r}
   * @throws UnsupportedOperationException if a source is given but there is no encoder, or if the
   *     decoder accepts only token ids
   */
  default Sequence open(Source source, float[] rows) {
    throw new UnsupportedOperationException("a decoder of ids alone");
  }

  /**
   * The number of floats in a row of embeddings and in an encoder state; 0 if they are not
   * supported.
   */
  default int width() {
    return 0;
  }

  /** Begins a pass. */
  void begin();

  /**
   * Appends tokens to a sequence. They are evaluated in this pass. A sequence can be added once per
   * pass.
   *
   * @throws CacheExhaustedException if the cache has no room for the tokens; the sequence is
   *     unchanged then
   */
  void add(Sequence sequence, int[] ids, int from, int to);

  /**
   * Evaluates the pass.
   *
   * @param rows the indices of the tokens whose logits will be requested, in ascending order; for
   *     each sequence, these are its last tokens, or none
   */
  void forward(int[] rows);

  /**
   * Computes the logits of some rows of the pass.
   *
   * @param rows a subset of the rows passed to {@link #forward}
   * @param count the number of {@code rows}
   * @return float32 {@code [count, vocabulary]}, writable, valid until the next call
   */
  MemorySegment logits(int[] rows, int count);

  /**
   * Finds the best next tokens for some rows of the pass, without keeping the logits.
   *
   * @param k the number of tokens for each row
   * @param inverseTemperatures the inverse temperature of each row, for the log-sum-exp
   * @return valid until the next call
   */
  Candidates best(int[] rows, int count, int k, float[] inverseTemperatures);

  /**
   * Finds the best next tokens without the log-sum-exp. This is faster if they can be found without
   * computing all logits.
   */
  Candidates best(int[] rows, int count, int k);

  /** Finds the best next tokens from logits in memory. The logits stay valid. */
  Candidates best(MemorySegment logits, int count, int k, float[] inverseTemperatures);

  /** Frees the cache. No sequence may be in use. */
  @Override
  void close();
}
