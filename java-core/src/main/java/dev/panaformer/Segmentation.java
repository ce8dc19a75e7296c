package dev.panaformer;

import java.util.Arrays;
import java.util.List;

/**
 * A label for each pixel of an image.
 *
 * @param labels the names of the labels
 * @param map {@code [height, width]}, indices into {@code labels}. Not to be modified.
 */
public record Segmentation(int width, int height, List<String> labels, int[] map) {

  /** The label of a pixel. */
  public String labelAt(int x, int y) {
    if (x < 0 || x >= width || y < 0 || y >= height) {
      throw new IndexOutOfBoundsException(
          "pixel " + x + ", " + y + " of an image of " + width + " x " + height);
    }
    return labels.get(map[y * width + x]);
  }

  /** The number of pixels of each label, by the index of the label. */
  public int[] pixels() {
    int[] pixels = new int[labels.size()];
    Arrays.stream(map).forEach(label -> pixels[label]++);
    return pixels;
  }
}
