package dev.panaformer.tokenizer.vocabulary;

import java.util.Arrays;

/**
 * A map of strings to ids that is walked char by char. All edges are in one hash table: a slot
 * holds the parent node, the char and the child node in 24, 16 and 24 bits. Thread-safe once it is
 * built.
 */
public final class TokenTrie {
  /** The node of the empty string. */
  public static final int ROOT = 0;

  /** The node that is reached by no string of the trie. */
  public static final int NONE = -1;

  private static final int CHILD_BITS = 24;
  private static final int CHILD_MASK = (1 << CHILD_BITS) - 1;
  private static final int MAX_NODES = 1 << CHILD_BITS;

  private long[] slots = new long[1 << 10];
  private int shift = Long.SIZE - 10;

  /** The id of each node's string plus one; 0 if the string is not in the map. */
  private int[] ids = new int[1 << 8];

  private int nodes = 1;

  /**
   * Adds a string, or changes its id.
   *
   * @return the id that the string had, or -1
   * @throws IllegalArgumentException if the strings have too many chars together
   */
  public int put(String string, int id) {
    int node = ROOT;
    for (int i = 0; i < string.length(); i++) {
      node = addChild(node, string.charAt(i));
    }
    int before = ids[node] - 1;
    ids[node] = id + 1;
    return before;
  }

  private int addChild(int node, char c) {
    int child = child(node, c);
    if (child != NONE) {
      return child;
    }
    if (nodes == MAX_NODES) {
      throw new IllegalArgumentException("tokens of more than " + MAX_NODES + " chars");
    }
    if (nodes * 8L > slots.length * 5L) {
      grow();
    }
    if (nodes == ids.length) {
      ids = Arrays.copyOf(ids, 2 * nodes);
    }
    insert(key(node, c) << CHILD_BITS | nodes);
    return nodes++;
  }

  private static long key(int node, char c) {
    return (long) node << Character.SIZE | c;
  }

  private int slot(long key) {
    return (int) (key * 0x9E3779B97F4A7C15L >>> shift);
  }

  private void insert(long entry) {
    int i = slot(entry >>> CHILD_BITS);
    while (slots[i] != 0) {
      i = i + 1 & slots.length - 1;
    }
    slots[i] = entry;
  }

  private void grow() {
    long[] old = slots;
    slots = new long[2 * old.length];
    shift--;
    for (long entry : old) {
      if (entry != 0) {
        insert(entry);
      }
    }
  }

  /** The node of a string that is one char longer, or {@link #NONE}. */
  public int child(int node, char c) {
    long key = key(node, c);
    long[] table = slots;
    int i = slot(key);
    while (true) {
      long entry = table[i];
      if (entry == 0) {
        return NONE;
      }
      if (entry >>> CHILD_BITS == key) {
        return (int) entry & CHILD_MASK;
      }
      i = i + 1 & table.length - 1;
    }
  }

  /** The id of a node's string, or -1 if the string is not in the map. */
  public int id(int node) {
    return ids[node] - 1;
  }

  /** The node of a string, or {@link #NONE} if no string of the map begins with it. */
  public int node(String string) {
    int node = ROOT;
    for (int i = 0; i < string.length() && node != NONE; i++) {
      node = child(node, string.charAt(i));
    }
    return node;
  }

  /** The id of a string, or -1. */
  public int find(String string) {
    int node = node(string);
    return node == NONE ? -1 : id(node);
  }

  /** The id of part of a text, or -1. */
  public int find(char[] text, int from, int to) {
    int node = ROOT;
    for (int i = from; i < to && node != NONE; i++) {
      node = child(node, text[i]);
    }
    return node == NONE ? -1 : id(node);
  }

  /** Gives back the memory that was reserved for more strings. */
  void trim() {
    ids = Arrays.copyOf(ids, nodes);
  }
}
