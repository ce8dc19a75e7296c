package dev.panaformer.tokenizer.model;

/** Arrays that models use while they tokenize a piece. Not thread-safe. */
public final class Scratch {
  private static final int FIRST_LENGTH = 128;

  int[] first = {};
  int[] second = {};
  int[] third = {};
  int[] fourth = {};
  double[] scores = {};
  long[] heap = {};

  /** Makes all arrays but the heap at least this long. Their contents are lost. */
  void reserve(int length) {
    if (first.length < length) {
      int capacity = Math.max(FIRST_LENGTH, Math.max(length, 2 * first.length));
      first = new int[capacity];
      second = new int[capacity];
      third = new int[capacity];
      fourth = new int[capacity];
      scores = new double[capacity];
    }
  }

  /** The memory that is kept for the next piece, in array elements. */
  public int capacity() {
    return 6 * first.length + 2 * heap.length;
  }
}
