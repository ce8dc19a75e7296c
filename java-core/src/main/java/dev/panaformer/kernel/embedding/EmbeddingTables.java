package dev.panaformer.kernel.embedding;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The tables of the input layer of a transformer: {@code LayerNorm(word[id] + position[p] +
 * tokenType[t])}. All rows have {@link #hidden} features.
 *
 * @param words one row for each id of the vocabulary
 * @param positions one row for each position; {@link Table#NONE} if the layer adds no positions
 * @param tokenTypes one row for each token type; {@link Table#NONE} if the layer adds no types
 * @param norm the weights of the LayerNorm. If they are {@linkplain NormWeights#absent absent}, the
 *     layer returns the sum itself.
 * @param packedWords a packed weight {@code [vocab, hidden]} that is read in place of {@code
 *     words}, whose rows are absent then. An output head may share this weight.
 * @param wordScale the factor of the rows of {@code packedWords}; 1 if there are none
 */
public record EmbeddingTables(
    Table words,
    Table positions,
    Table tokenTypes,
    NormWeights norm,
    Optional<PackedWeight> packedWords,
    float wordScale) {

  /**
   * A table of vectors.
   *
   * @param rows {@code [count, hidden]} float32
   * @param count the number of rows
   */
  public record Table(MemorySegment rows, long count) {
    /** No table: the layer adds nothing for it. */
    public static final Table NONE = new Table(MemorySegment.NULL, 0);
  }

  /** Creates tables with words in float32. */
  public EmbeddingTables(Table words, Table positions, Table tokenTypes, NormWeights norm) {
    this(words, positions, tokenTypes, norm, Optional.empty(), 1);
  }

  /** Returns the number of features of all rows. */
  public long hidden() {
    return norm.hidden();
  }

  /**
   * Returns the same tables with words that are read from a packed weight {@code [vocab, hidden]}.
   *
   * @param scale the factor of its rows
   */
  public EmbeddingTables withWords(PackedWeight packed, float scale) {
    Table absent = new Table(MemorySegment.NULL, words.count);
    return new EmbeddingTables(absent, positions, tokenTypes, norm, Optional.of(packed), scale);
  }

  /**
   * Returns the same tables with other rows in place of the words. Ids then number these rows.
   *
   * @param rows {@code [count, hidden]}
   */
  public EmbeddingTables withRows(MemorySegment rows, long count) {
    return new EmbeddingTables(new Table(rows, count), positions, tokenTypes, norm);
  }

  /**
   * Checks that the id, position and type of every token have a row.
   *
   * @throws IndexOutOfBoundsException naming the first token for which this is not so
   */
  void requireRows(TokenBatch batch) {
    for (int s = 0; s < batch.sequences(); s++) {
      for (int t = batch.start(s); t < batch.start(s + 1); t++) {
        requireRow(batch.ids(), s, t, batch.start(s), "id", words.count);
        if (positions.count > 0) {
          requireRow(batch.positionIds(), s, t, batch.start(s), "position", positions.count);
        }
        if (tokenTypes.count > 0) {
          requireRow(batch.tokenTypeIds(), s, t, batch.start(s), "token type", tokenTypes.count);
        }
      }
    }
  }

  private static void requireRow(
      MemorySegment indices, int s, int t, int start, String what, long rows) {
    int index = indices.getAtIndex(JAVA_INT, t);
    if (index < 0 || index >= rows) {
      throw new IndexOutOfBoundsException(
          "token "
              + (t - start)
              + " of sequence "
              + s
              + " has "
              + what
              + " "
              + index
              + ", its table has "
              + rows
              + " rows");
    }
  }
}
