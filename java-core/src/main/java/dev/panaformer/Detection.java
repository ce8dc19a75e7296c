package dev.panaformer;

/**
 * An object in an image.
 *
 * @param score the probability of the label
 * @param box where it is
 */
public record Detection(String label, float score, Box box) {

  /**
   * A rectangle in pixels of the upright image, from its upper left corner; may reach beyond it.
   */
  public record Box(float left, float top, float right, float bottom) {}
}
