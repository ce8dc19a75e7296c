package dev.panaformer.image.preprocessing;

import dev.panaformer.checkpoint.ConfigJson;

/**
 * The target size in preprocessor_config.json: either exact sides, or a length of the shorter side
 * that keeps the proportions, optionally with a maximum length of the longer side.
 */
public sealed interface ImageSize {
  int MAX_SIDE = 1 << 16;

  /** The target size {@code [height, width]} of an image with these sides. */
  int[] of(int height, int width);

  record Exact(int height, int width) implements ImageSize {
    @Override
    public int[] of(int imageHeight, int imageWidth) {
      return new int[] {height, width};
    }
  }

  /**
   * Resizes the shorter side and keeps the proportions.
   *
   * @param longest the maximum length of the longer side; 0 for none
   * @param multiple sides are rounded down to multiples of this
   */
  record Shortest(int shortest, int longest, int multiple) implements ImageSize {
    @Override
    public int[] of(int height, int width) {
      int shorter = Math.min(height, width);
      int longer = Math.max(height, width);
      double exact = shortest;
      int side = shortest;
      if (longest > 0 && (double) longer / shorter * shortest > longest) {
        exact = (double) longest * shorter / longer;
        side = (int) Math.rint(exact);
      }
      int other = shorter == side ? longer : (int) (exact * longer / shorter);
      int newHeight = height <= width ? side : other;
      int newWidth = height <= width ? other : side;
      return new int[] {
        Math.max(newHeight - newHeight % multiple, multiple),
        Math.max(newWidth - newWidth % multiple, multiple)
      };
    }
  }

  /**
   * Reads a size.
   *
   * @param absent the size if the file has none. It also determines the meaning of a single number
   *     in the file: both sides, or the shorter side with the same maximum and multiple.
   */
  static ImageSize of(ConfigJson json, String field, ImageSize absent) {
    if (!json.has(field)) {
      return absent;
    }
    int multiple = absent instanceof Shortest shortest ? shortest.multiple() : 1;
    if (!json.isArray(field) && !json.isObject(field)) {
      int side = json.requireInt(field, 1, MAX_SIDE);
      int longest = absent instanceof Shortest shortest ? shortest.longest() : 0;
      int atMost = json.optionalInt("max_size", longest, 1, MAX_SIDE);
      return absent instanceof Shortest
          ? new Shortest(side, atMost, multiple)
          : new Exact(side, side);
    }
    ConfigJson size = json.object(field);
    if (size.has("height") || size.has("width")) {
      return new Exact(
          size.requireInt("height", 1, MAX_SIDE), size.requireInt("width", 1, MAX_SIDE));
    }
    if (!size.has("shortest_edge")) {
      throw json.unsupported(field, "height and width, or shortest_edge and perhaps longest_edge");
    }
    return new Shortest(
        size.requireInt("shortest_edge", 1, MAX_SIDE),
        size.optionalInt("longest_edge", 0, 1, MAX_SIDE),
        multiple);
  }
}
