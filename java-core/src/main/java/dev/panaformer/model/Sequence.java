package dev.panaformer.model;

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
 *     those that {@link BigBird#draw} gives for seed 0
 */
public record Sequence(
    int[] ids,
    int[] typeIds,
    int[] attentionMask,
    int[] positionIds,
    int[] globalMask,
    int[][][][] randomBlocks) {

  /** With positions, global tokens and random blocks as is usual. */
  public Sequence(int[] ids, int[] typeIds, int[] attentionMask) {
    this(ids, typeIds, attentionMask, null, null, null);
  }

  /** Tokens with those that are masked out: how many places there are. */
  int places() {
    return ids.length;
  }

  /** Whether there is a token at a place that is not masked out. */
  boolean isToken(int place) {
    return attentionMask == null || attentionMask[place] != 0;
  }
}
