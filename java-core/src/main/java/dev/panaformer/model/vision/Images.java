package dev.panaformer.model.vision;

import java.lang.foreign.MemorySegment;

/**
 * A batch of preprocessed images of the same size.
 *
 * @param pixels {@code [count, channels, height, width]} float32
 */
public record Images(MemorySegment pixels, int count, int channels, int height, int width) {

  /**
   * Requires at least one image and this number of channels.
   *
   * @throws IllegalArgumentException otherwise
   */
  void requireChannels(int expected) {
    if (count < 1) {
      throw new IllegalArgumentException(count + " images");
    }
    if (channels != expected) {
      throw new IllegalArgumentException(
          "images of " + channels + " channels; the model takes " + expected);
    }
  }
}
