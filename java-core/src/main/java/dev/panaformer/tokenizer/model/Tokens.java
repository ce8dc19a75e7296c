package dev.panaformer.tokenizer.model;

import dev.panaformer.tokenizer.text.Text;
import java.util.Arrays;

/**
 * The tokens of a text as models add them: ids and, if they are detailed, spellings and the range
 * of the original text of each. The arrays grow as needed and are used again. Not thread-safe.
 */
public final class Tokens {
  /** A change of the text at its end can change the tokens of this many pieces before it. */
  private static final int UNSTABLE_PIECES = 8;

  private int[] ids = new int[64];
  private int count;

  private boolean detailed;
  private String[] texts = {};
  private int[] starts = {};
  private int[] ends = {};

  /** The number of tokens before each of the last pieces. */
  private final int[] counts = new int[UNSTABLE_PIECES];

  private int pieces;

  public void clear(boolean detailed) {
    this.detailed = detailed;
    count = 0;
    pieces = 0;
    Arrays.fill(counts, 0);
  }

  /** Whether spellings and ranges are wanted. */
  public boolean isDetailed() {
    return detailed;
  }

  public int count() {
    return count;
  }

  public int id(int token) {
    return ids[token];
  }

  public String text(int token) {
    return texts[token];
  }

  public int start(int token) {
    return starts[token];
  }

  public int end(int token) {
    return ends[token];
  }

  /** Copies the ids of the first tokens. */
  public void copyIds(int[] to, int at, int count) {
    System.arraycopy(ids, 0, to, at, count);
  }

  /** Says that the tokens that follow are of another piece. */
  public void beginPiece() {
    counts[pieces++ & UNSTABLE_PIECES - 1] = count;
  }

  /** The number of tokens that stay the same if text is added at the end. */
  public int stable() {
    return pieces < UNSTABLE_PIECES ? 0 : counts[pieces & UNSTABLE_PIECES - 1];
  }

  /** Adds a token without details. */
  public void add(int id) {
    if (count == ids.length) {
      ids = Arrays.copyOf(ids, 2 * count);
    }
    ids[count++] = id;
  }

  /** Adds a token with the range of the text that it stands for, and its details if wanted. */
  void add(int id, String spelling, Text text, int from, int to) {
    if (detailed) {
      add(id, spelling, text.start(from), text.end(to - 1));
    } else {
      add(id);
    }
  }

  /** Adds a token with the range of the original text that it stands for. */
  public void add(int id, String spelling, int start, int end) {
    if (detailed) {
      if (count >= texts.length) {
        int capacity = Math.max(64, 2 * count);
        texts = Arrays.copyOf(texts, capacity);
        starts = Arrays.copyOf(starts, capacity);
        ends = Arrays.copyOf(ends, capacity);
      }
      texts[count] = spelling;
      starts[count] = start;
      ends[count] = end;
    }
    add(id);
  }

  /** The number of tokens that can be held without growing. */
  public int capacity() {
    return ids.length;
  }
}
