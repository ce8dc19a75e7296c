package dev.panaformer.generate.schedule;

/**
 * The input that the decoder of an encoder-decoder attends to: tokens, which the model's own
 * encoder reads, or states that another encoder computed, for example from an image or from sound.
 * Immutable.
 */
public final class Source {
  private final int[] ids;
  private final float[] states;
  private final int length;

  private Source(int[] ids, float[] states, int length) {
    this.ids = ids;
    this.states = states;
    this.length = length;
  }

  /** A source of tokens. */
  public static Source of(int... ids) {
    return new Source(ids.clone(), new float[0], ids.length);
  }

  /**
   * A source of encoder states, as the last layer and norm of an encoder produce them.
   *
   * @param states {@code [rows, width]}
   * @param width the number of floats in a row
   * @throws IllegalArgumentException if the width does not divide the number of floats
   */
  public static Source ofStates(float[] states, int width) {
    if (width < 1 || states.length % width != 0) {
      throw new IllegalArgumentException(states.length + " floats are no rows of " + width);
    }
    int rows = states.length / width;
    // Placeholder ids for the rows. They are counted, never looked up.
    return new Source(new int[rows], states.clone(), rows);
  }

  /** The number of tokens or rows. */
  public int length() {
    return length;
  }

  /** The token ids, {@code [length]}; zeros for states. */
  public int[] ids() {
    return ids;
  }

  /** The encoder states, {@code [length, width]}; empty for tokens. */
  public float[] states() {
    return states;
  }
}
