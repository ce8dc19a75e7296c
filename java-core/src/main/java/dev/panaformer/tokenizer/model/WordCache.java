package dev.panaformer.tokenizer.model;

/**
 * Remembers the tokens of short pieces. The number of pieces is bounded: a new one takes the place
 * of another. Threads read and write without locks; entries are immutable, so that a race costs no
 * more than an entry.
 */
final class WordCache {
  private static final int ENTRIES = 1 << 13;
  private static final int MAX_LENGTH = 32;

  private record Entry(char[] word, int[] ids) {}

  private final Entry[] entries = new Entry[ENTRIES];

  private static int slot(char[] chars, int from, int to) {
    int hash = to - from;
    for (int i = from; i < to; i++) {
      hash = 31 * hash + chars[i];
    }
    return (hash * 0x9E3779B9) >>> (Integer.SIZE - 13);
  }

  /** The ids of a piece, or null. */
  int[] get(char[] chars, int from, int to) {
    if (to - from > MAX_LENGTH) {
      return null;
    }
    Entry entry = entries[slot(chars, from, to)];
    if (entry == null || entry.word.length != to - from) {
      return null;
    }
    char[] word = entry.word;
    for (int i = 0; i < word.length; i++) {
      if (word[i] != chars[from + i]) {
        return null;
      }
    }
    return entry.ids;
  }

  /** Remembers the last ids of tokens as those of a piece. */
  void put(char[] chars, int from, int to, Tokens tokens, int firstToken) {
    if (to - from > MAX_LENGTH) {
      return;
    }
    char[] word = new char[to - from];
    System.arraycopy(chars, from, word, 0, word.length);
    int[] ids = new int[tokens.count() - firstToken];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = tokens.id(firstToken + i);
    }
    entries[slot(chars, from, to)] = new Entry(word, ids);
  }
}
