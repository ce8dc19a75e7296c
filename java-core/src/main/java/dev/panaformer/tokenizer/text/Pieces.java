package dev.panaformer.tokenizer.text;

import java.util.Arrays;

/**
 * The pieces that pre-tokenizers split a text into: ranges of one text, in order. A pre-tokenizer
 * reads the pieces and adds new ones, which replace them when it commits. It either keeps the text
 * or rewrites it. Empty pieces are dropped. Not thread-safe.
 */
public final class Pieces {
  private Text text;
  private int[] starts = new int[64];
  private int[] ends = new int[64];
  private int count;

  private int[] nextStarts = new int[64];
  private int[] nextEnds = new int[64];
  private int nextCount;

  private final Text[] rewritten = {new Text(), new Text()};
  private int rewriting;

  /** Makes a range of a text the only piece. */
  public void reset(Text text, int from, int to) {
    this.text = text;
    count = 0;
    if (from < to) {
      starts[0] = from;
      ends[0] = to;
      count = 1;
    }
  }

  /** The text that the pieces are ranges of. */
  public Text text() {
    return text;
  }

  public int count() {
    return count;
  }

  public int start(int piece) {
    return starts[piece];
  }

  public int end(int piece) {
    return ends[piece];
  }

  /** Starts a new list of pieces. */
  public void begin() {
    nextCount = 0;
  }

  /** Adds a piece to the new list. */
  public void add(int from, int to) {
    if (from >= to) {
      return;
    }
    if (nextCount == nextStarts.length) {
      nextStarts = Arrays.copyOf(nextStarts, 2 * nextCount);
      nextEnds = Arrays.copyOf(nextEnds, 2 * nextCount);
    }
    nextStarts[nextCount] = from;
    nextEnds[nextCount++] = to;
  }

  /** Makes the new list the pieces. */
  public void commit() {
    int[] oldStarts = starts;
    int[] oldEnds = ends;
    starts = nextStarts;
    ends = nextEnds;
    count = nextCount;
    nextStarts = oldStarts;
    nextEnds = oldEnds;
  }

  /** Starts a new list of pieces of a new text, which is returned. */
  public Text rewrite() {
    begin();
    rewriting = text == rewritten[0] ? 1 : 0;
    rewritten[rewriting].clear(text.isAligned());
    return rewritten[rewriting];
  }

  /** Makes the new list and the new text the pieces. */
  public void commitRewrite() {
    text = rewritten[rewriting];
    commit();
  }

  /** The memory that is kept for the next text, in array elements. */
  public int capacity() {
    return rewritten[0].capacity() + rewritten[1].capacity() + 4 * starts.length;
  }
}
