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
  private final GrowableBuffer cuSeqlens = new GrowableBuffer();
  private final List<KeyLists> keyLists = new ArrayList<>();
  private int tokens;
  private int sequences;

  public TokenBatch() {
    clear();
  }

  /** Empties the batch. */
  public void clear() {
    tokens = 0;
    sequences = 0;
    append(cuSeqlens, 0, 0);
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
    sequences++;
    append(cuSeqlens, sequences, tokens);
  }

  /**
   * Replaces the contents by the first tokens of each sequence of another batch, with their rows
   * there for ids.
   *
   * @param count of each sequence, or as many as it has
   * @return this
   */
  public TokenBatch firstOf(TokenBatch batch, int count) {
    clear();
    for (int s = 0; s < batch.sequences(); s++) {
      for (int t = 0; t < Math.min(count, batch.length(s)); t++) {
        add(batch.start(s) + t, t, 0);
      }
      endSequence();
    }
    return this;
  }

  /** Tokens of all sequences together. */
  public int tokens() {
    return tokens;
  }

  public int sequences() {
    return sequences;
  }

  /**
   * The row at which sequence {@code s} starts; for {@code s == sequences()} the end of the last
   * one.
   */
  public int start(int s) {
    return cuSeqlens.segment().getAtIndex(JAVA_INT, s);
  }

  /** The id of a token, counted from the first of the batch. */
  public int id(int token) {
    return ids.segment().getAtIndex(JAVA_INT, token);
  }

  /** Tokens of sequence {@code s}. */
  public int length(int s) {
    return start(s + 1) - start(s);
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
    return cuSeqlens.segment();
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
    cuSeqlens.close();
    keyLists.forEach(KeyLists::close);
  }
}
