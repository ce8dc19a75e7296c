package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Sequences of tokens stored end to end without padding. In every {@code [tokens, …]} tensor that
 * is computed from the batch, sequence {@code s} has the rows from {@code start(s)} up to {@code
 * start(s + 1)}.
 *
 * <p>Filled token by token: {@link #add} for each token of a sequence, then {@link #endSequence}.
 * {@link #clear} keeps the memory, so that a reused batch allocates nothing. Not thread-safe.
 */
public final class TokenBatch implements AutoCloseable {
  private final GrowableBuffer ids = new GrowableBuffer();
  private final GrowableBuffer positionIds = new GrowableBuffer();
  private final GrowableBuffer tokenTypeIds = new GrowableBuffer();
  private final SequenceLengths lengths = new SequenceLengths();
  private final List<KeyLists> keyLists = new ArrayList<>();
  private int tokens;

  /** Removes all sequences. */
  public void clear() {
    tokens = 0;
    lengths.clear();
    for (int i = 0; i < keyLists.size(); i++) {
      keyLists.get(i).clear();
    }
  }

  /** Appends a token to the sequence that the next {@link #endSequence} closes. */
  public void add(int id, int positionId, int tokenTypeId) {
    append(ids, tokens, id);
    append(positionIds, tokens, positionId);
    append(tokenTypeIds, tokens, tokenTypeId);
    tokens = Math.incrementExact(tokens);
  }

  /**
   * Ends the sequence that consists of the tokens added since the previous end. It may be empty.
   */
  public void endSequence() {
    lengths.add(tokens - lengths.total());
  }

  /** Returns the number of tokens of all sequences. */
  public int tokens() {
    return tokens;
  }

  public int sequences() {
    return lengths.sequences();
  }

  /**
   * Returns the first row of sequence {@code s}. For {@code sequences()} it returns the end of the
   * last sequence.
   */
  public int start(int s) {
    return lengths.start(s);
  }

  /** Returns the lengths of the sequences. */
  public SequenceLengths lengths() {
    return lengths;
  }

  /** Returns the number of tokens of sequence {@code s}. */
  public int length(int s) {
    return lengths.length(s);
  }

  /**
   * Returns int32 {@code [tokens]}. Like all of these segments, it is valid until the batch grows
   * or is closed.
   */
  public MemorySegment ids() {
    return ids.segment();
  }

  /** int32 {@code [tokens]}. */
  public MemorySegment positionIds() {
    return positionIds.segment();
  }

  /** int32 {@code [tokens]}. */
  public MemorySegment tokenTypeIds() {
    return tokenTypeIds.segment();
  }

  /** Returns int32 {@code [sequences + 1]}, cumulative lengths from 0 to {@link #tokens}. */
  public MemorySegment cuSeqlens() {
    return lengths.cumulative();
  }

  /**
   * Returns the keys that the tokens attend to in layers with sparse attention. Layers with the
   * same pattern share a number, which the model assigns. The lists are empty until the model fills
   * them.
   */
  public KeyLists keyLists(int number) {
    while (keyLists.size() <= number) {
      keyLists.add(new KeyLists());
    }
    return keyLists.get(number);
  }

  private static void append(GrowableBuffer buffer, long index, int value) {
    long offset = index * Integer.BYTES;
    buffer.ensure(offset + Integer.BYTES, offset).set(JAVA_INT, offset, value);
  }

  @Override
  public void close() {
    ids.close();
    positionIds.close();
    tokenTypeIds.close();
    lengths.close();
    keyLists.forEach(KeyLists::close);
  }
}
