package dev.panaformer.kernel.decoding;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.memory.GrowableBuffer;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The tokens of one pass of a decoder: for each sequence those that follow what the cache has of
 * it, be it one or a piece of a prompt.
 *
 * <p>Reused: {@link #clear}, {@link #add} for each sequence. Not thread-safe.
 */
public final class DecoderBatch implements AutoCloseable {
  private static final float[] NO_ROWS = {};

  private final TokenBatch tokens = new TokenBatch();
  private final RowSelection all = new RowSelection().all(tokens);
  private final RowSelection queries = new RowSelection();
  private final GrowableBuffer slots = new GrowableBuffer();
  private final GrowableBuffer kvLengths = new GrowableBuffer();
  private final GrowableBuffer blockTables = new GrowableBuffer();
  private final GrowableBuffer sourceStarts = new GrowableBuffer();
  private final GrowableBuffer sourceLengths = new GrowableBuffer();
  private final GrowableBuffer sourceBlockTables = new GrowableBuffer();
  private final List<KvCache.Sequence> sequences = new ArrayList<>();
  private final List<KvCache.Sequence> sources = new ArrayList<>();
  private final TokenBatch rowTokens = new TokenBatch();
  private final List<Row> rows = new ArrayList<>();
  private boolean queried;
  private int withSource;
  private int blockTableStride;
  private int sourceBlockTableStride;

  /**
   * A row of embeddings in the place of a token.
   *
   * @param token the number of the token in the batch
   * @param table {@code [rows, hidden]}
   * @param number which of the table's rows
   */
  private record Row(int token, float[] table, int number) {}

  /** Empties the batch. */
  public void clear() {
    tokens.clear();
    rowTokens.clear();
    rows.clear();
    queried = false;
    sequences.clear();
    sources.clear();
    withSource = 0;
    blockTableStride = 0;
    sourceBlockTableStride = 0;
  }

  /**
   * Appends tokens to a sequence, which counts them from now on; the pass is to write their keys
   * and values. A sequence is added once.
   *
   * @throws CacheExhaustedException if the cache has no room for them; nothing is changed then
   * @throws IllegalArgumentException if the sequence is in this batch already
   * @throws IndexOutOfBoundsException if {@code from} to {@code to} is no range of the ids
   */
  public void add(KvCache.Sequence sequence, int[] ids, int from, int to) {
    add(sequence, ids, from, to, NO_ROWS);
  }

  /**
   * The same, with rows of embeddings in the place of some tokens.
   *
   * @param table {@code [rows, hidden]}: an id of {@code -1 - r} stands for row {@code r}. Empty
   *     for none.
   */
  public void add(KvCache.Sequence sequence, int[] ids, int from, int to, float[] table) {
    Objects.checkFromToIndex(from, to, ids.length);
    if (sequences.contains(sequence)) {
      throw new IllegalArgumentException("a sequence is added to a batch twice");
    }
    sequence.reserve(to - from);
    for (int i = from; i < to; i++) {
      int position = sequence.length() + i - from;
      int slot = sequence.slot(position);
      int token = tokens.tokens();
      if (ids[i] < 0 && table.length > 0) {
        rowTokens.add(rows.size(), position, 0);
        rowTokens.endSequence();
        rows.add(new Row(token, table, -1 - ids[i]));
      }
      tokens.add(table.length > 0 ? Math.max(ids[i], 0) : ids[i], position, 0);
      put(slots, token, slot);
    }
    tokens.endSequence();
    sequence.advance(to - from);
    put(kvLengths, sequences.size(), sequence.length());
    sequences.add(sequence);
    blockTableStride = Math.max(blockTableStride, sequence.blocks());
  }

  /**
   * The same, for a decoder that attends to a source as well: a sequence whose keys and values are
   * all in the cache when the pass attends to them.
   */
  public void add(KvCache.Sequence sequence, KvCache.Sequence source, int[] ids, int from, int to) {
    add(sequence, source, ids, from, to, NO_ROWS);
  }

  /** The same, with rows of embeddings in the place of some tokens. */
  public void add(
      KvCache.Sequence sequence,
      KvCache.Sequence source,
      int[] ids,
      int from,
      int to,
      float[] table) {
    if (source.length() == 0) {
      throw new IllegalArgumentException("a source without tokens");
    }
    add(sequence, ids, from, to, table);
    withSource++;
    // Those that follow one another with one source, as beams do, attend to it together.
    if (sources.isEmpty() || sources.getLast() != source) {
      put(sourceStarts, sources.size(), tokens.start(tokens.sequences() - 1));
      put(sourceLengths, sources.size(), source.length());
      sources.add(source);
    }
    put(sourceStarts, sources.size(), tokens.tokens());
    sourceBlockTableStride = Math.max(sourceBlockTableStride, source.blocks());
  }

  private static void put(GrowableBuffer buffer, int index, int value) {
    long offset = (long) index * Integer.BYTES;
    buffer.ensure(offset + Integer.BYTES, offset).set(JAVA_INT, offset, value);
  }

  /**
   * Says whose results are wanted: all have keys and values in all layers, but the rest of the last
   * layer is computed for these alone.
   *
   * @param rows numbers of tokens of the pass, ascending; of each sequence its last ones, or none
   * @throws IllegalArgumentException if they are others
   */
  public void query(int[] rows) {
    queries.clear(tokens);
    int next = 0;
    for (int s = 0; s < sequences.size(); s++) {
      int count = 0;
      for (; next < rows.length && rows[next] < tokens.start(s + 1); next++) {
        count++;
      }
      for (int i = 1; i <= count; i++) {
        if (rows[next - i] != tokens.start(s + 1) - i) {
          throw new IllegalArgumentException(
              "row " + rows[next - i] + " is none of the last of sequence " + s);
        }
      }
      for (int i = count; i > 0; i--) {
        queries.add(rows[next - i]);
      }
      queries.endSequence();
    }
    if (next < rows.length) {
      throw new IllegalArgumentException(
          "row " + rows[next] + " of a pass of " + tokens.tokens() + " tokens");
    }
    queried = rows.length < tokens.tokens();
  }

  /** The tokens whose results are wanted. */
  public RowSelection queries() {
    return queried ? queries : all;
  }

  /** All tokens. */
  public RowSelection all() {
    return all;
  }

  /** The tokens, end to end, at the positions that they have in their sequences. */
  public TokenBatch tokens() {
    return tokens;
  }

  public int sequences() {
    return sequences.size();
  }

  /** The number of rows of embeddings that stand in the place of tokens. */
  public int rows() {
    return rows.size();
  }

  /** The rows of embeddings, numbered in their order, at the positions of their tokens. */
  public TokenBatch rowTokens() {
    return rowTokens;
  }

  /** The number of the token whose place a row takes. */
  public int rowToken(int row) {
    return rows.get(row).token;
  }

  /**
   * Writes the rows of embeddings.
   *
   * @param to {@code [rows, hidden]}
   */
  public void writeRows(MemorySegment to, int hidden) {
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      long offset = (long) i * hidden * Float.BYTES;
      MemorySegment.copy(row.table, row.number * hidden, to, JAVA_FLOAT, offset, hidden);
    }
  }

  /** int32 {@code [tokens]}: where in the cache each token's keys and values go. */
  public MemorySegment slots() {
    return slots.segment();
  }

  /** int32 {@code [sequences]}: tokens of each, those of this pass included. */
  public MemorySegment kvLengths() {
    return kvLengths.segment();
  }

  /** Entries of each row of {@link #blockTables}. */
  public int blockTableStride() {
    return blockTableStride;
  }

  /** int32 {@code [sequences, blockTableStride]}: the blocks of each sequence, in order. */
  public MemorySegment blockTables() {
    return fill(blockTables, sequences, blockTableStride);
  }

  /** Whether every sequence has a source. */
  boolean hasSources() {
    return withSource == sequences.size();
  }

  /** How many sources there are, those of neighbours counted once. */
  int sources() {
    return sources.size();
  }

  /** int32 {@code [sources + 1]}: where the tokens begin that attend to each, up to the end. */
  MemorySegment sourceStarts() {
    return sourceStarts.segment();
  }

  /** int32 {@code [sources]}: tokens of each. */
  MemorySegment sourceLengths() {
    return sourceLengths.segment();
  }

  /** Entries of each row of {@link #sourceBlockTables}. */
  int sourceBlockTableStride() {
    return sourceBlockTableStride;
  }

  /** int32 {@code [sources, sourceBlockTableStride]}: the blocks of each. */
  MemorySegment sourceBlockTables() {
    return fill(sourceBlockTables, sources, sourceBlockTableStride);
  }

  private static MemorySegment fill(
      GrowableBuffer buffer, List<KvCache.Sequence> sequences, int stride) {
    MemorySegment tables = buffer.ensure((long) sequences.size() * stride * Integer.BYTES);
    for (int s = 0; s < sequences.size(); s++) {
      KvCache.Sequence sequence = sequences.get(s);
      long row = (long) s * stride;
      for (int i = 0; i < sequence.blocks(); i++) {
        tables.setAtIndex(JAVA_INT, row + i, sequence.block(i));
      }
    }
    return tables;
  }

  @Override
  public void close() {
    tokens.close();
    all.close();
    queries.close();
    rowTokens.close();
    slots.close();
    kvLengths.close();
    blockTables.close();
    sourceStarts.close();
    sourceLengths.close();
    sourceBlockTables.close();
  }
}
