package dev.panaformer.generate.schedule;

import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.sampling.Candidates;
import java.lang.foreign.MemorySegment;

/**
 * A decoder, with or without an encoder, over its key-value cache, as generation sees it. A pass is
 * {@link #begin}, {@link #add} for every sequence that takes part, {@link #forward}; then those of
 * its rows that were announced, numbered in the order in which tokens were added, become logits or
 * the best of them.
 *
 * <p>Used by one thread at a time. What a sequence gets depends on nothing but its own tokens, to
 * the last bit: neither on its neighbours nor on how its tokens were spread over passes.
 */
public interface Decoder extends AutoCloseable {

  /** A sequence whose tokens up to now are in the cache. */
  interface Sequence extends AutoCloseable {
    /** Tokens in the cache; the position of the next one. */
    int length();

    /** The same tokens once more; blocks are shared until one of both writes into them. */
    Sequence fork();

    /** Forgets the tokens from {@code length} on. */
    void truncate(int length);

    /** Gives the blocks back. Closing again does nothing. */
    @Override
    void close();
  }

  /** How many tokens there are; ids are below. */
  int vocabulary();

  /** How many tokens a sequence may have. */
  int contextLength();

  /** Blocks of the cache, free or not. */
  int blocks();

  /** Tokens of one block. */
  int blockTokens();

  /** A sequence without tokens. */
  Sequence open();

  /** How many tokens a source may have; 0 if there is no encoder. */
  default int sourceLength() {
    return 0;
  }

  /**
   * A sequence without tokens that attends to a source. The encoder reads that in the first pass
   * that the sequence takes part in; what is computed of it is kept in the cache, in blocks which
   * all forks share, and is given back with the last of them.
   *
   * @throws UnsupportedOperationException if there is no encoder
   */
  default Sequence open(Source source) {
    throw new UnsupportedOperationException("a decoder without encoder");
  }

  /**
   * A sequence without tokens whose prompt has rows of embeddings.
   *
   * @param source as for {@link #open(Source)}; null for none
   * @param rows {@code [rows, width]}: an id of {@code -1 - r} that is added to the sequence, or to
   *     a fork of it, stands for row {@code r}
   * @throws UnsupportedOperationException if there is no encoder and yet a source, or the decoder
   *     reads nothing but ids
   */
  default Sequence open(Source source, float[] rows) {
    throw new UnsupportedOperationException("a decoder of ids alone");
  }

  /** The number of floats of a row of embeddings and of an encoded state; 0 for none. */
  default int width() {
    return 0;
  }

  /** Begins a pass. */
  void begin();

  /**
   * Appends tokens to a sequence, to be computed in this pass. A sequence is added once a pass.
   *
   * @throws CacheExhaustedException if the cache has no room for them; the sequence is as it was
   */
  void add(Sequence sequence, int[] ids, int from, int to);

  /**
   * Computes the pass.
   *
   * @param rows numbers of the tokens whose logits will be asked for, ascending; of each sequence
   *     its last ones, or none
   */
  void forward(int[] rows);

  /**
   * The logits of some of the pass's tokens.
   *
   * @param rows some of those that {@link #forward} was told
   * @param count how many of {@code rows} there are
   * @return float32 {@code [count, vocabulary]}, to be written to, valid until the next call
   */
  MemorySegment logits(int[] rows, int count);

  /**
   * The best tokens after some of the pass's tokens, by logits that are not kept.
   *
   * @param k how many of each
   * @param inverseTemperatures of each row, for the logarithm of the sum
   * @return valid until the next call
   */
  Candidates best(int[] rows, int count, int k, float[] inverseTemperatures);

  /**
   * The same without the logarithms of sums, which takes less time where the best can be told
   * without computing all logits.
   */
  Candidates best(int[] rows, int count, int k);

  /** The best tokens of logits in memory, which stay valid. */
  Candidates best(MemorySegment logits, int count, int k, float[] inverseTemperatures);

  /** Frees the cache. No sequence may be in use. */
  @Override
  void close();
}
