package dev.panaformer.tokenizer.model;

import java.util.Arrays;

/**
 * The merges of a BPE model: for two ids the rank of their merge and the id that they become. A
 * hash table with open addressing. Thread-safe once it is built.
 */
public final class MergeTable {
  private static final long EMPTY = -1;

  private long[] pairs = filled(1 << 8);
  private int[] ranks = new int[1 << 8];
  private int[] merged = new int[1 << 8];
  private int shift = Long.SIZE - 8;
  private int count;

  private static long[] filled(int length) {
    long[] pairs = new long[length];
    Arrays.fill(pairs, EMPTY);
    return pairs;
  }

  /** Adds a merge. Of merges of the same pair the last counts. */
  public void put(int left, int right, int rank, int id) {
    if (count * 5L >= pairs.length * 3L) {
      grow();
    }
    long pair = pair(left, right);
    int i = slot(pair);
    while (pairs[i] != EMPTY && pairs[i] != pair) {
      i = i + 1 & pairs.length - 1;
    }
    count += pairs[i] == EMPTY ? 1 : 0;
    pairs[i] = pair;
    ranks[i] = rank;
    merged[i] = id;
  }

  private void grow() {
    long[] oldPairs = pairs;
    int[] oldRanks = ranks;
    int[] oldMerged = merged;
    pairs = filled(2 * oldPairs.length);
    ranks = new int[pairs.length];
    merged = new int[pairs.length];
    shift--;
    count = 0;
    for (int i = 0; i < oldPairs.length; i++) {
      if (oldPairs[i] != EMPTY) {
        put((int) (oldPairs[i] >>> 32), (int) oldPairs[i], oldRanks[i], oldMerged[i]);
      }
    }
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  private int slot(long pair) {
    return (int) (pair * 0x9E3779B97F4A7C15L >>> shift);
  }

  /** The place of a pair in the table, or -1 if the pair does not merge. */
  int find(int left, int right) {
    long pair = pair(left, right);
    int i = slot(pair);
    while (pairs[i] != pair) {
      if (pairs[i] == EMPTY) {
        return -1;
      }
      i = i + 1 & pairs.length - 1;
    }
    return i;
  }

  /** The rank of the merge at a place; merges of lower rank come first. */
  int rank(int place) {
    return ranks[place];
  }

  /** The id that the pair at a place becomes. */
  int merged(int place) {
    return merged[place];
  }
}
