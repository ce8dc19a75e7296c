package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/**
 * The lengths of sequences that are stored end to end. Sequence {@code s} has the rows from {@code
 * start(s)} up to {@code start(s + 1)}.
 *
 * <p>{@link #clear} keeps the memory, so that reused lengths allocate nothing. Not thread-safe.
 */
public final class SequenceLengths implements AutoCloseable {
  private final GrowableBuffer cumulative = new GrowableBuffer();
  private int sequences;
  private int total;

  public SequenceLengths() {
    clear();
  }

  /** Removes all sequences. */
  public void clear() {
    sequences = 0;
    total = 0;
    put(0, 0);
  }

  /** Appends a sequence. It may be empty. */
  public void add(int length) {
    total = Math.addExact(total, length);
    put(++sequences, total);
  }

  /** Replaces all sequences by {@code count} sequences of the same length. */
  public SequenceLengths equal(int count, int length) {
    clear();
    for (int s = 0; s < count; s++) {
      add(length);
    }
    return this;
  }

  public int sequences() {
    return sequences;
  }

  /** Returns the number of rows of all sequences. */
  public int total() {
    return total;
  }

  /**
   * Returns the first row of a sequence. For {@code sequences()} it returns the end of the last
   * sequence.
   */
  public int start(int sequence) {
    return cumulative.segment().getAtIndex(JAVA_INT, sequence);
  }

  public int length(int sequence) {
    return start(sequence + 1) - start(sequence);
  }

  /**
   * Returns int32 {@code [sequences + 1]}, cumulative lengths from 0 to {@link #total}. Valid until
   * a sequence is added, or until {@link #close}.
   */
  public MemorySegment cumulative() {
    return cumulative.segment();
  }

  private void put(long index, int value) {
    long offset = index * Integer.BYTES;
    cumulative.ensure(offset + Integer.BYTES, offset).set(JAVA_INT, offset, value);
  }

  @Override
  public void close() {
    cumulative.close();
  }
}
