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
 * The tokens of one forward pass of a decoder. For each sequence these are the tokens that follow
 * the cached ones: a single token, or a part of a prompt.
 *
 * <p>A batch is reused: call {@link #clear}, then {@link #add} for each sequence. Not thread-safe.
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
  private int sequencesWithSource;
  private int blockTableStride;
  private int sourceBlockTableStride;

  /**
   * An embedding that replaces the embedding of a token.
   *
   * @param token the index of the token in the batch
   * @param table {@code [rows, hidden]}
   * @param number the row of the table
   */
  private record Row(int token, float[] table, int number) {}

  /** Removes all sequences from the batch. */
  public void clear() {
    tokens.clear();
    rowTokens.clear();
    rows.clear();
    queried = false;
    sequences.clear();
    sources.clear();
    sequencesWithSource = 0;
    blockTableStride = 0;
    sourceBlockTableStride = 0;
  }

  /**
   * Adds a sequence with its next tokens, {@code ids[from]} up to {@code ids[to]}. Reserves cache
   * blocks for them and advances the sequence's length at once; the pass must write their keys and
   * values. A sequence can be added once only.
   *
   * @throws BlocksExhaustedException if the cache has too few free blocks; nothing is changed then
   * @throws IllegalArgumentException if the sequence is in this batch already
   * @throws IndexOutOfBoundsException if {@code from} to {@code to} is not a range of the ids
   */
  public void add(KvCache.Sequence sequence, int[] ids, int from, int to) {
    add(sequence, ids, from, to, NO_ROWS);
  }

  /**
   * Adds a sequence as above, with given embeddings in place of some tokens.
   *
   * @param table {@code [rows, hidden]}. An id of {@code -1 - r} stands for row {@code r}. Empty if
   *     there are none.
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
   * Adds a sequence as above for an encoder-decoder.
   *
   * @param source the sequence for cross-attention. All its keys and values must be in the cache
   *     when the pass attends to them.
   * @throws IllegalArgumentException if the source has no tokens
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
    sequencesWithSource++;
    // Adjacent sequences with the same source, as in beam search, attend to it together.
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
   * Selects the tokens whose results are computed. Keys and values are still computed for all
   * tokens in all layers; the rest of the last layer is computed for the selected tokens only.
   *
   * @param rows indices of tokens in the batch, ascending. For each sequence these are a number of
   *     its last tokens, or none.
   * @throws IllegalArgumentException if they are not
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

  /** Returns the tokens whose results are computed. */
  public RowSelection queries() {
    return queried ? queries : all;
  }

  /** Returns a selection of all tokens. */
  public RowSelection all() {
    return all;
  }

  /** Returns the tokens of all sequences end to end, each with its position in its sequence. */
  public TokenBatch tokens() {
    return tokens;
  }

  public int sequences() {
    return sequences.size();
  }

  /** Returns the number of embeddings that replace tokens. */
  public int rows() {
    return rows.size();
  }

  /**
   * Returns one token for each embedding that replaces a token. Its id is the embedding's index and
   * its position is that of the replaced token.
   */
  public TokenBatch rowTokens() {
    return rowTokens;
  }

  /** Returns the index of the token that an embedding replaces. */
  public int rowToken(int row) {
    return rows.get(row).token;
  }

  /**
   * Writes the embeddings that replace tokens.
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

  /** Returns int32 {@code [tokens]}: the cache slot for the keys and values of each token. */
  public MemorySegment slots() {
    return slots.segment();
  }

  /**
   * Returns int32 {@code [sequences]}: the length of each sequence, including the tokens of this
   * pass.
   */
  public MemorySegment kvLengths() {
    return kvLengths.segment();
  }

  /** Returns the number of entries in each row of {@link #blockTables}. */
  public int blockTableStride() {
    return blockTableStride;
  }

  /** Returns int32 {@code [sequences, blockTableStride]}: the blocks of each sequence in order. */
  public MemorySegment blockTables() {
    return fill(blockTables, sequences, blockTableStride);
  }

  /** Returns whether every sequence has a source. */
  boolean hasSources() {
    return sequencesWithSource == sequences.size();
  }

  /** Returns the number of sources. A source that adjacent sequences share counts once. */
  int sources() {
    return sources.size();
  }

  /**
   * Returns int32 {@code [sources + 1]}: the first of the tokens that attend to each source, and
   * the end of the last ones.
   */
  MemorySegment sourceStarts() {
    return sourceStarts.segment();
  }

  /** Returns int32 {@code [sources]}: the length of each source. */
  MemorySegment sourceLengths() {
    return sourceLengths.segment();
  }

  /** Returns the number of entries in each row of {@link #sourceBlockTables}. */
  int sourceBlockTableStride() {
    return sourceBlockTableStride;
  }

  /**
   * Returns int32 {@code [sources, sourceBlockTableStride]}: the blocks of each source in order.
   */
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
