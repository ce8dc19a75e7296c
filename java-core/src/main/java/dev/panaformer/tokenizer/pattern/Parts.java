package dev.panaformer.tokenizer.pattern;

import java.util.Arrays;

/** The matches of a pattern in a text and the parts between them, in order. Not thread-safe. */
public final class Parts {
  private int[] starts = new int[64];
  private int[] ends = new int[64];
  private boolean[] matches = new boolean[64];
  private int count;

  public void clear() {
    count = 0;
  }

  public int count() {
    return count;
  }

  public int start(int part) {
    return starts[part];
  }

  public int end(int part) {
    return ends[part];
  }

  public boolean isMatch(int part) {
    return matches[part];
  }

  /** Adds a match, and the part before it if there is one. */
  void match(int previousEnd, int start, int end) {
    if (previousEnd < start) {
      add(previousEnd, start, false);
    }
    add(start, end, true);
  }

  /** Adds what follows the last match, if anything does. */
  void rest(int previousEnd, int to) {
    if (previousEnd < to) {
      add(previousEnd, to, false);
    }
  }

  private void add(int start, int end, boolean match) {
    if (count == starts.length) {
      starts = Arrays.copyOf(starts, 2 * count);
      ends = Arrays.copyOf(ends, 2 * count);
      matches = Arrays.copyOf(matches, 2 * count);
    }
    starts[count] = start;
    ends[count] = end;
    matches[count++] = match;
  }
}
