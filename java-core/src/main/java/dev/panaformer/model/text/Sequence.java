package dev.panaformer.model.text;

/**
 * The inputs of one sequence, as the reference takes them. Masked tokens are not computed. But they
 * count for positions, windows and blocks, even at the end of the sequence.
 *
 * @param ids the token ids
 * @param typeIds the token types; null if all are 0
 * @param attentionMask 0 for masked tokens, which may be anywhere; null if none is masked
 * @param positionIds the position of each token; null for the default of the model
 * @param globalMask for Longformer: not 0 for global tokens, which attend to all tokens and which
 *     all tokens attend to; null for the default of the model's head
 * @param randomBlocks for BigBird, {@code [layers][heads][blocks - 2][numRandomBlocks]}: the random
 *     blocks of keys for each block of queries except the first and the last; null for {@link
 *     RandomBlocks} with a seed of 0
 */
public record Sequence(
    int[] ids,
    int[] typeIds,
    int[] attentionMask,
    int[] positionIds,
    int[] globalMask,
    int[][][][] randomBlocks) {

  /**
   * @throws IllegalArgumentException if the length of {@code positionIds} or {@code globalMask} is
   *     not the number of ids
   */
  public Sequence {
    requireLength("positionIds", positionIds, ids);
    requireLength("globalMask", globalMask, ids);
  }

  private static void requireLength(String name, int[] values, int[] ids) {
    if (values != null && values.length != ids.length) {
      throw new IllegalArgumentException(
          values.length + " " + name + " for " + ids.length + " ids");
    }
  }

  /** A sequence with the default positions, global tokens and random blocks of the model. */
  public Sequence(int[] ids, int[] typeIds, int[] attentionMask) {
    this(ids, typeIds, attentionMask, null, null, null);
  }

  /** The length of the sequence, masked tokens included. */
  int places() {
    return ids.length;
  }

  /**
   * Refuses global tokens and random blocks, for models in which all tokens attend to each other.
   */
  void requireAllSeen() {
    if (globalMask != null || randomBlocks != null) {
      throw new IllegalArgumentException(
          (globalMask != null ? "globalMask" : "randomBlocks")
              + " for a model whose tokens see all of their sequence");
    }
  }

  /** Whether the token at a position is not masked. */
  boolean isToken(int place) {
    return attentionMask == null || attentionMask[place] != 0;
  }
}
