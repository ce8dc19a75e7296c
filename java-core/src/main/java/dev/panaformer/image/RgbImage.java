package dev.panaformer.image;

import java.awt.image.BufferedImage;
import java.nio.file.Path;

/**
 * An image of 8-bit red, green and blue as people see it: turned upright, without transparency.
 *
 * @param samples {@code [height, width, 3]}, bytes without a sign. Not to be modified.
 */
public record RgbImage(int width, int height, byte[] samples) {
  /** Samples of a pixel. */
  public static final int CHANNELS = 3;

  /**
   * @throws IllegalArgumentException if a side is below 1, or the samples are not as many as that
   */
  public RgbImage {
    if (width < 1 || height < 1 || samples.length != (long) width * height * CHANNELS) {
      throw new IllegalArgumentException(
          samples.length + " samples for an image of " + width + " x " + height);
    }
  }

  /**
   * Reads a file: JPEG, PNG, WebP, BMP, TIFF, GIF.
   *
   * @param maxPixels the largest image that is decoded; a small file can claim to be a huge image
   * @throws ImageException if there is no image in it, it is damaged, or has more pixels than that
   */
  public static RgbImage read(Path file, long maxPixels) {
    return ImageDecoder.read(file, maxPixels);
  }

  /**
   * A copy to draw on. {@link BufferedImage} is what Java programs draw on and write to files with;
   * whoever calls this method requires java.desktop, no other user of the library does.
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
