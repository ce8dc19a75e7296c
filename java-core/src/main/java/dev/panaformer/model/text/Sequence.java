package dev.panaformer.model.text;

/**
 * A sequence as the reference takes it. Tokens that are masked out keep their place, by which
 * positions, windows and blocks are counted, but are not computed; those at the end count too.
 *
 * @param ids of the vocabulary
 * @param typeIds one for each token, or null for 0
 * @param attentionMask 0 for tokens to leave out, wherever they are; or null for none
 * @param positionIds one for each token, or null for those that the model counts by itself
 * @param globalMask of Longformer: not 0 for tokens that see all, and are seen by all; or null for
 *     what is usual under the model's head
 * @param randomBlocks of BigBird {@code [layers][heads][blocks - 2][numRandomBlocks]}: the blocks
 *     of keys that the blocks of queries see at random, but for the first and the last; or null for
 *     those of {@link RandomBlocks} from a seed of 0 on
 */
public record Sequence(
    int[] ids,
    int[] typeIds,
    int[] attentionMask,
    int[] positionIds,
    int[] globalMask,
    int[][][][] randomBlocks) {

  /**
   * @throws IllegalArgumentException if there is not one position, or one mark, for each token
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

  /** With positions, global tokens and random blocks as is usual. */
  public Sequence(int[] ids, int[] typeIds, int[] attentionMask) {
    this(ids, typeIds, attentionMask, null, null, null);
  }

  /** Tokens with those that are masked out: how many places there are. */
  int places() {
    return ids.length;
  }

  /** Refuses to say who sees whom to a model in which all tokens see all. */
  void requireAllSeen() {
    if (globalMask != null || randomBlocks != null) {
      throw new IllegalArgumentException(
          (globalMask != null ? "globalMask" : "randomBlocks")
              + " for a model whose tokens see all of their sequence");
    }
  }

  /** Whether there is a token at a place that is not masked out. */
  boolean isToken(int place) {
    return attentionMask == null || attentionMask[place] != 0;
  }
}
