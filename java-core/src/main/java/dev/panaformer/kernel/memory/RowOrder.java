package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/**
 * A list of rows of a tensor in the order in which they are read. Each row may have a row of
 * another tensor that is added to it.
 *
 * <p>{@link #clear} keeps the memory, so that a reused list allocates nothing. Not thread-safe.
 */
public final class RowOrder implements AutoCloseable {
  private final GrowableBuffer rows = new GrowableBuffer();
  private final GrowableBuffer addedRows = new GrowableBuffer();
  private int count;
  private int sourceRows;
  private int sourceAddedRows;

  /** Removes all rows. */
  public void clear() {
    count = 0;
    sourceRows = 0;
    sourceAddedRows = 0;
  }

  /** Appends a row of the tensor. */
  public void add(int row) {
    add(row, 0);
  }

  /** Appends a row of the tensor and the row of the other tensor that is added to it. */
  public void add(int row, int addedRow) {
    if (row < 0 || addedRow < 0) {
      throw new IndexOutOfBoundsException("row " + Math.min(row, addedRow));
    }
    put(rows, row);
    put(addedRows, addedRow);
    count = Math.incrementExact(count);
    sourceRows = Math.max(sourceRows, row + 1);
    sourceAddedRows = Math.max(sourceAddedRows, addedRow + 1);
  }

  private void put(GrowableBuffer buffer, int value) {
    long offset = (long) count * Integer.BYTES;
    buffer.ensure(offset + Integer.BYTES, offset).set(JAVA_INT, offset, value);
  }

  /** Returns the number of rows that are read. */
  public int count() {
    return count;
  }

  /** Returns the {@code i}-th row that is read. */
  public int row(int i) {
    return rows.segment().getAtIndex(JAVA_INT, i);
  }

  /** Returns the row that is added to the {@code i}-th row. */
  public int addedRow(int i) {
    return addedRows.segment().getAtIndex(JAVA_INT, i);
  }

  /** Returns the number of rows that the tensor must have at least. */
  public int sourceRows() {
    return sourceRows;
  }

  /** Returns the number of rows that the added tensor must have at least. */
  public int sourceAddedRows() {
    return sourceAddedRows;
  }

  /** int32 {@code [count]}. Valid until a row is added, or until {@link #close}. */
  public MemorySegment rows() {
    return rows.segment();
  }

  /** int32 {@code [count]}. Valid until a row is added, or until {@link #close}. */
  public MemorySegment addedRows() {
    return addedRows.segment();
  }

  @Override
  public void close() {
    rows.close();
    addedRows.close();
  }
}
