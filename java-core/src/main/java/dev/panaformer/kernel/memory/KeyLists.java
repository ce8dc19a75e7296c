package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/**
 * Which keys the queries of a batch see, where that is not all of their sequence: for each block of
 * queries a list of spans of keys, or one list for each head. Rows are those of the batch. A span
 * may be banded: then a query sees only what of it lies within the query's own band.
 *
 * <p>Filled block by block: {@link #add} and {@link #addBanded} for each span, {@link #endList} for
 * each list, {@link #endBlock} with the number of queries, and {@link #band} for each query if any
 * span is banded. {@link #clear} keeps the memory, so that lists that are reused allocate nothing.
 * Not thread-safe.
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

  /** Empties the lists. */
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

  /** The queries of the block see the keys from {@code begin} up to {@code end}. */
  public void add(int begin, int end) {
    add(begin, end, false);
  }

  /** They see those of these keys that lie within their bands. */
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

  /** Ends a list: of a block's one list for all heads, or of that of the next head. */
  public void endList() {
    append(listStarts, ++listCount, spanCount);
  }

  /**
   * Ends the block of the lists added since the previous end.
   *
   * @throws IllegalStateException if these are not as many as the blocks before have
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

  /** The band of the next query: the keys from {@code begin} up to {@code end}. */
  public void band(int begin, int end) {
    requireRange("a band", begin, end);
    append(bands, 2L * bandCount, begin);
    append(bands, 2L * bandCount + 1, end);
    bandCount++;
  }

  /**
   * The row of the next token that has queries, where these are of some tokens of the batch only.
   */
  public void addRow(int row) {
    append(rows, rowCount++, row);
  }

  /** How many tokens were named by {@link #addRow}. */
  public int rows() {
    return rowCount;
  }

  /** The row of one of them. */
  public int row(int i) {
    return rows.segment().getAtIndex(JAVA_INT, i);
  }

  private void requireRange(String what, int begin, int end) {
    if (begin < 0 || end < begin) {
      throw new IllegalArgumentException(what + " of keys from " + begin + " up to " + end);
    }
    keys = Math.max(keys, end);
  }

  /** Queries of all blocks together. */
  public int queries() {
    return queries;
  }

  public int blocks() {
    return blocks;
  }

  /** Lists of a block. */
  public int lists() {
    return lists;
  }

  /** How many keys there must be for all spans and bands to end within them. */
  public int keys() {
    return keys;
  }

  /** Whether there is a span that needs the bands of all queries. */
  public boolean banded() {
    return banded;
  }

  public int bandCount() {
    return bandCount;
  }

  /**
   * int32 {@code [blocks + 1]}. Like all of these segments, valid until the lists grow or are
   * closed.
   */
  public MemorySegment blockStarts() {
    return blockStarts.segment();
  }

  /** int32 {@code [blocks * lists + 1]}. */
  public MemorySegment listStarts() {
    return listStarts.segment();
  }

  /** int32 {@code [spans, 3]}: begin, end, and whether it is banded. */
  public MemorySegment spans() {
    return spans.segment();
  }

  /** int32 {@code [queries, 2]}, or absent. */
  public MemorySegment bands() {
    return banded ? bands.segment() : MemorySegment.NULL;
  }

  /** The bytes that the lists take. */
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
