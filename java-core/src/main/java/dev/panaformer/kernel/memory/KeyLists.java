package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/**
 * The keys that the queries of a batch attend to in sparse attention. Each block of queries has one
 * list of key spans for all heads, or one list for each head. Keys and queries are numbered by
 * their rows in the batch. For a banded span, a query attends only to the keys that are also within
 * the query's own band.
 *
 * <p>Filled block by block: {@link #add} or {@link #addBanded} for each span, {@link #endList} for
 * each list, {@link #endBlock} with the number of queries, and {@link #band} for each query if any
 * span is banded. {@link #clear} keeps the memory, so that reused lists allocate nothing. Not
 * thread-safe.
 */
public final class KeyLists implements AutoCloseable {
  public static final int SPAN_INTS = 3;

  private final GrowableBuffer blockStarts = new GrowableBuffer();
  private final GrowableBuffer listStarts = new GrowableBuffer();
  private final GrowableBuffer spans = new GrowableBuffer();
  private final GrowableBuffer bands = new GrowableBuffer();
  private final GrowableBuffer rows = new GrowableBuffer();
  private int queries;
  private int blocks;
  private int listCount;
  private int lists;
  private int spanCount;
  private int bandCount;
  private int rowCount;
  private boolean banded;
  private int keys;

  public KeyLists() {
    clear();
  }

  /** Removes all blocks. */
  public void clear() {
    queries = 0;
    blocks = 0;
    listCount = 0;
    lists = 1;
    spanCount = 0;
    bandCount = 0;
    rowCount = 0;
    banded = false;
    keys = 0;
    append(blockStarts, 0, 0);
    append(listStarts, 0, 0);
  }

  /**
   * Adds a span: the queries of the block attend to the keys from {@code begin} up to {@code end}.
   */
  public void add(int begin, int end) {
    add(begin, end, false);
  }

  /**
   * Adds a banded span: each query attends to those of the keys from {@code begin} up to {@code
   * end} that are within its band.
   */
  public void addBanded(int begin, int end) {
    add(begin, end, true);
    banded = true;
  }

  private void add(int begin, int end, boolean withinBand) {
    requireRange("a span", begin, end);
    long at = (long) SPAN_INTS * spanCount;
    append(spans, at, begin);
    append(spans, at + 1, end);
    append(spans, at + 2, withinBand ? 1 : 0);
    spanCount = Math.incrementExact(spanCount);
  }

  /** Ends a list of spans. It is the block's only list, or the list of the next head. */
  public void endList() {
    append(listStarts, ++listCount, spanCount);
  }

  /**
   * Ends the block that consists of the lists added since the previous end.
   *
   * @param count the number of queries of the block
   * @throws IllegalStateException if it has another number of lists than the previous blocks
   */
  public void endBlock(int count) {
    int ended = listCount - blocks * lists;
    if (count < 0 || ended < 1 || (blocks > 0 && ended != lists)) {
      throw new IllegalStateException(
          "a block of "
              + count
              + " queries with "
              + ended
              + " lists"
              + (blocks > 0 ? " after blocks with " + lists : ""));
    }
    lists = ended;
    queries = Math.addExact(queries, count);
    append(blockStarts, ++blocks, queries);
  }

  /** Sets the band of the next query: the keys from {@code begin} up to {@code end}. */
  public void band(int begin, int end) {
    requireRange("a band", begin, end);
    append(bands, 2L * bandCount, begin);
    append(bands, 2L * bandCount + 1, end);
    bandCount++;
  }

  /**
   * Adds the row of the next token that is a query, if only some tokens of the batch are queries.
   */
  public void addRow(int row) {
    append(rows, rowCount++, row);
  }

  /** Returns the number of rows added by {@link #addRow}. */
  public int rows() {
    return rowCount;
  }

  /** Returns the {@code i}-th row added by {@link #addRow}. */
  public int row(int i) {
    return rows.segment().getAtIndex(JAVA_INT, i);
  }

  private void requireRange(String what, int begin, int end) {
    if (begin < 0 || end < begin) {
      throw new IllegalArgumentException(what + " of keys from " + begin + " up to " + end);
    }
    keys = Math.max(keys, end);
  }

  /** Returns the number of queries of all blocks. */
  public int queries() {
    return queries;
  }

  public int blocks() {
    return blocks;
  }

  /** Returns the number of lists of each block. */
  public int lists() {
    return lists;
  }

  /** Returns the smallest number of keys for which all spans and bands are in range. */
  public int keys() {
    return keys;
  }

  /** Returns whether any span is banded. All queries then need a band. */
  public boolean banded() {
    return banded;
  }

  public int bandCount() {
    return bandCount;
  }

  /**
   * Returns int32 {@code [blocks + 1]}. Like all of these segments, it is valid until the lists
   * grow or are closed.
   */
  public MemorySegment blockStarts() {
    return blockStarts.segment();
  }

  /** Returns int32 {@code [blocks * lists + 1]}: the first span of each list. */
  public MemorySegment listStarts() {
    return listStarts.segment();
  }

  /** Returns int32 {@code [spans, 3]}: begin, end, and whether the span is banded. */
  public MemorySegment spans() {
    return spans.segment();
  }

  /**
   * Returns int32 {@code [queries, 2]}: begin and end of each band. Absent if no span is banded.
   */
  public MemorySegment bands() {
    return banded ? bands.segment() : MemorySegment.NULL;
  }

  /** Returns the size of the lists in bytes. */
  public long bytes() {
    return blockStarts.segment().byteSize()
        + listStarts.segment().byteSize()
        + spans.segment().byteSize()
        + bands.segment().byteSize()
        + rows.segment().byteSize();
  }

  private static void append(GrowableBuffer buffer, long index, int value) {
    long offset = index * Integer.BYTES;
    buffer.ensure(offset + Integer.BYTES, offset).set(JAVA_INT, offset, value);
  }

  @Override
  public void close() {
    blockStarts.close();
    listStarts.close();
    spans.close();
    bands.close();
    rows.close();
  }
}
