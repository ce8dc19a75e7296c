package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Sequences of tokens laid end to end, without padding. Sequence {@code s} owns the rows from
 * {@code start(s)} up to {@code start(s + 1)} of every {@code [tokens, …]} tensor computed from the
 * batch.
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

  /** Empties the batch. */
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

  /** Ends the sequence of the tokens added since the previous end. It may be empty. */
  public void endSequence() {
    lengths.add(tokens - lengths.total());
  }

  /** Tokens of all sequences together. */
  public int tokens() {
    return tokens;
  }

  public int sequences() {
    return lengths.sequences();
  }

  /**
   * The row at which sequence {@code s} starts; for {@code s == sequences()} the end of the last
   * one.
   */
  public int start(int s) {
    return lengths.start(s);
  }

  /** The lengths of the sequences. */
  public SequenceLengths lengths() {
    return lengths;
  }

  /** Tokens of sequence {@code s}. */
  public int length(int s) {
    return lengths.length(s);
  }

  /**
   * int32 {@code [tokens]}. Like all of these segments, valid until the batch grows or is closed.
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

  /** int32 {@code [sequences + 1]}, cumulative lengths from 0 to {@link #tokens}. */
  public MemorySegment cuSeqlens() {
    return lengths.cumulative();
  }

  /**
   * Which keys the tokens see in layers that do not see all, by a number that the model gives to
   * those of its layers that see the same; empty until the model has filled them.
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
