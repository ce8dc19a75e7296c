package dev.panaformer.image.preprocessing;

import dev.panaformer.checkpoint.ConfigJson;

/**
 * What {@code size} of preprocessor_config.json asks for: exact sides, or a length for the shorter
 * one that keeps the proportions, perhaps with a longest that the other may have.
 */
public sealed interface ImageSize {
  int MAX_SIDE = 1 << 16;

  /** {@code [height, width]} for an image of these sides. */
  int[] of(int height, int width);

  record Exact(int height, int width) implements ImageSize {
    @Override
    public int[] of(int imageHeight, int imageWidth) {
      return new int[] {height, width};
    }
  }

  /**
   * @param longest the longer side has at most; 0 for no such bound
   * @param multiple sides are cut to multiples of this
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
   * @param absent the size where the file has none. Its kind is also what a single number means:
   *     both sides, or the shorter one with the same bound and multiple.
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
