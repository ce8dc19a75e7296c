package dev.panaformer.image;

import java.awt.image.BufferedImage;
import java.nio.file.Path;

/**
 * An 8-bit RGB image: upright, without transparency.
 *
 * @param samples {@code [height, width, 3]}, unsigned bytes. Not to be modified.
 */
public record RgbImage(int width, int height, byte[] samples) {
  /** The number of samples per pixel. */
  public static final int CHANNELS = 3;

  /**
   * @throws IllegalArgumentException if a side is below 1, or the number of samples does not match
   *     the sides
   */
  public RgbImage {
    if (width < 1 || height < 1 || samples.length != (long) width * height * CHANNELS) {
      throw new IllegalArgumentException(
          samples.length + " samples for an image of " + width + " x " + height);
    }
  }

  /**
   * Decodes a file: JPEG, PNG, WebP, BMP, TIFF or GIF.
   *
   * @param maxPixels the maximum number of pixels; protects against small files that claim to be
   *     huge
   * @throws ImageException if the file is not an image, is damaged, or has more pixels than allowed
   */
  public static RgbImage read(Path file, long maxPixels) {
    return ImageDecoder.read(file, maxPixels);
  }

  /**
   * Copies the image to a {@link BufferedImage}, which Java programs draw on and write to files.
   * Only callers of this method require the module java.desktop.
   */
  @SuppressWarnings("exports")
  public BufferedImage toBufferedImage() {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    int[] line = new int[width];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int at = (y * width + x) * CHANNELS;
        line[x] =
            (samples[at] & 0xff) << 16 | (samples[at + 1] & 0xff) << 8 | samples[at + 2] & 0xff;
      }
      image.setRGB(0, y, width, 1, line, 0, width);
    }
    return image;
  }
}
