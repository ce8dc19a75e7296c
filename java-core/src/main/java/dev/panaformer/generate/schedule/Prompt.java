package dev.panaformer.generate.schedule;

import java.util.Arrays;

/**
 * The input of a decoder before it generates: token ids and, between them, rows of embeddings that
 * another model computed, for example from an image or from sound. A row takes the place of a token
 * embedding: its position embedding is added, and it is not scaled. Immutable.
 */
public final class Prompt {
  private final int[] ids;
  private final float[] rows;
  private final int width;

  private Prompt(int[] ids, float[] rows, int width) {
    this.ids = ids;
    this.rows = rows;
    this.width = width;
  }

  /** A prompt that consists of tokens. */
  public static Prompt of(int... ids) {
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0) {
        throw new IndexOutOfBoundsException("token " + i + " has id " + ids[i]);
      }
    }
    return new Prompt(ids.clone(), new float[0], 0);
  }

  /** This prompt followed by tokens. */
  public Prompt then(int... more) {
    return new Prompt(joined(ids, Prompt.of(more).ids), rows, width);
  }

  /**
   * This prompt followed by rows of embeddings.
   *
   * @param more {@code [rows, width]}
   * @param width the number of floats in a row
   * @throws IllegalArgumentException if the width differs from that of the prompt's other rows, or
   *     does not divide the number of floats
   */
  public Prompt thenRows(float[] more, int width) {
    if (width < 1 || more.length % width != 0 || rows.length > 0 && width != this.width) {
      throw new IllegalArgumentException(
          more.length + " floats are no rows of " + width + ", or the prompt has others");
    }
    int before = rows.length / width;
    int[] numbers = new int[more.length / width];
    Arrays.setAll(numbers, i -> -1 - (before + i));
    float[] all = Arrays.copyOf(rows, rows.length + more.length);
    System.arraycopy(more, 0, all, rows.length, more.length);
    return new Prompt(joined(ids, numbers), all, width);
  }

  private static int[] joined(int[] first, int[] second) {
    int[] all = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }

  /** One id for each token or row: the id of the token, or {@code -1 - r} for row {@code r}. */
  int[] ids() {
    return ids;
  }

  /** The rows of embeddings, {@code [rows, width]}. */
  float[] rows() {
    return rows;
  }

  /** The number of floats in a row; 0 if there are no rows. */
  int width() {
    return width;
  }
}
