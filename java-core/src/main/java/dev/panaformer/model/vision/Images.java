package dev.panaformer.model.vision;

import java.lang.foreign.MemorySegment;

/**
 * Images of one size as models read them.
 *
 * @param pixels {@code [count, channels, height, width]} float32
 */
public record Images(MemorySegment pixels, int count, int channels, int height, int width) {

  /** Throws unless there is an image, with these channels. */
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
