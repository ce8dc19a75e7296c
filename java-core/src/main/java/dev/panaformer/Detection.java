package dev.panaformer;

/**
 * An object that was found in an image.
 *
 * @param score the probability of the label
 * @param box the bounding box of the object
 */
public record Detection(String label, float score, Box box) {

  /**
   * A rectangle in pixels of the upright image, relative to its upper left corner. It may extend
   * beyond the image.
   */
  public record Box(float left, float top, float right, float bottom) {}
}
