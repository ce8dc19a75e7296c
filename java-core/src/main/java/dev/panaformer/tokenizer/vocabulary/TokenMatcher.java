package dev.panaformer.tokenizer.vocabulary;

/**
 * Finds strings in a text: the leftmost first, and the longest of those that begin there.
 * Thread-safe once it is filled.
 */
public final class TokenMatcher {
  private final TokenTrie trie = new TokenTrie();

  /** A bit for each possible first char. */
  private final long[] firsts = new long[(Character.MAX_VALUE + 1) / Long.SIZE];

  private int longest;

  /** Adds a string that stands for an id. Of equal strings the first counts. */
  void add(String string, int id) {
    if (string.isEmpty()) {
      return;
    }
    int before = trie.put(string, id);
    if (before >= 0) {
      trie.put(string, before);
    }
    char first = string.charAt(0);
    firsts[first >> 6] |= 1L << first;
    longest = Math.max(longest, string.length());
  }

  public boolean isEmpty() {
    return longest == 0;
  }

  /** The number of chars of the longest string. */
  public int longest() {
    return longest;
  }

  /** A match. Not thread-safe. */
  public static final class Match {
    private int start;
    private int end;
    private int id;

    public int start() {
      return start;
    }

    public int end() {
      return end;
    }

    public int id() {
      return id;
    }
  }

  /**
   * Finds the next match.
   *
   * @return false if there is none
   */
  public boolean find(CharSequence text, int from, int to, Match match) {
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      if ((firsts[c >> 6] & 1L << c) != 0 && matches(text, i, to, match)) {
        return true;
      }
    }
    return false;
  }

  private boolean matches(CharSequence text, int at, int to, Match match) {
    int node = TokenTrie.ROOT;
    boolean found = false;
    for (int i = at; i < to; i++) {
      node = trie.child(node, text.charAt(i));
      if (node == TokenTrie.NONE) {
        break;
      }
      if (trie.id(node) >= 0) {
        match.start = at;
        match.end = i + 1;
        match.id = trie.id(node);
        found = true;
      }
    }
    return found;
  }

  /** Whether a string of this matcher begins before an index and ends there or after it. */
  public boolean reaches(CharSequence text, int index) {
    int to = Math.min(text.length(), index + longest);
    for (int i = Math.max(0, index - longest); i < index; i++) {
      char c = text.charAt(i);
      if ((firsts[c >> 6] & 1L << c) != 0) {
        int node = TokenTrie.ROOT;
        for (int j = i; j < to && node != TokenTrie.NONE; j++) {
          node = trie.child(node, text.charAt(j));
          if (node != TokenTrie.NONE && trie.id(node) >= 0 && j + 1 >= index) {
            return true;
          }
        }
      }
    }
    return false;
  }
}
