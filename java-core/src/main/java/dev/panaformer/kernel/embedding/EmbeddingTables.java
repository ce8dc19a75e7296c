package dev.panaformer.kernel.embedding;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The input layer of a transformer: {@code LayerNorm(word[id] + position[p] + tokenType[t])}.
 *
 * @param word {@code [vocab, hidden]}
 * @param position {@code [positions, hidden]}, or {@link MemorySegment#NULL} with {@code positions}
 *     0
 * @param tokenType {@code [tokenTypes, hidden]}, or {@link MemorySegment#NULL} with {@code
 *     tokenTypes} 0
 * @param weight {@code [hidden]}, of the LayerNorm; {@link MemorySegment#NULL} for the sum alone
 * @param bias {@code [hidden]}, of the LayerNorm; absent where {@code weight} is
 * @param packedWord the words {@code [vocab, hidden]} as a head has them that shares its weight, in
 *     place of {@code word}, which is absent then
 * @param wordScale factor of the rows of {@code packedWord}; 1 without
 */
public record EmbeddingTables(
    MemorySegment word,
    MemorySegment position,
    MemorySegment tokenType,
    MemorySegment weight,
    MemorySegment bias,
    long vocab,
    long positions,
    long tokenTypes,
    long hidden,
    float eps,
    Optional<PackedWeight> packedWord,
    float wordScale) {

  /** With words in a table of their own. */
  public EmbeddingTables(
      MemorySegment word,
      MemorySegment position,
      MemorySegment tokenType,
      MemorySegment weight,
      MemorySegment bias,
      long vocab,
      long positions,
      long tokenTypes,
      long hidden,
      float eps) {
    this(
        word,
        position,
        tokenType,
        weight,
        bias,
        vocab,
        positions,
        tokenTypes,
        hidden,
        eps,
        Optional.empty(),
        1);
  }

  /**
   * The same with words out of a packed weight {@code [vocab, hidden]}, which a head may share.
   *
   * @param scale factor of the words
   */
  public EmbeddingTables withWords(PackedWeight words, float scale) {
    return new EmbeddingTables(
        MemorySegment.NULL,
        position,
        tokenType,
        weight,
        bias,
        vocab,
        positions,
        tokenTypes,
        hidden,
        eps,
        Optional.of(words),
        scale);
  }

  /**
   * The same with other rows in the place of words.
   *
   * @param rows {@code [count, hidden]}
   */
  public EmbeddingTables withRows(MemorySegment rows, long count) {
    return new EmbeddingTables(
        rows, position, tokenType, weight, bias, count, positions, tokenTypes, hidden, eps);
  }

  /**
   * Throws an {@link IndexOutOfBoundsException} naming the first token whose id, position or type
   * has no row.
   */
  void requireRows(TokenBatch batch) {
    for (int s = 0; s < batch.sequences(); s++) {
      for (int t = batch.start(s); t < batch.start(s + 1); t++) {
        requireRow(batch.ids(), s, t, batch.start(s), "id", vocab);
        if (positions > 0) {
          requireRow(batch.positionIds(), s, t, batch.start(s), "position", positions);
        }
        if (tokenTypes > 0) {
          requireRow(batch.tokenTypeIds(), s, t, batch.start(s), "token type", tokenTypes);
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
