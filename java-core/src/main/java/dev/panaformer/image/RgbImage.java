package dev.panaformer.image;

import dev.panaformer.threads.ComputeThreads;
import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;

/**
 * An 8-bit RGB image: upright, without transparency.
 *
 * @param samples {@code [height, width, 3]}, unsigned bytes. Not to be modified.
 */
public record RgbImage(int width, int height, byte[] samples) {
  /** The number of samples per pixel. */
  public static final int CHANNELS = 3;

  /** The maximum number of pixels that is decoded unless the caller sets one: 100 megapixels. */
  public static final long DEFAULT_MAX_PIXELS = 100_000_000;

  /** The maximum number of bytes that is read unless the caller sets one: 256 MiB. */
  public static final long DEFAULT_MAX_BYTES = 256L << 20;

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

  /** {@link #read(Path, long, long)} with the default limits. */
  public static RgbImage read(Path file) {
    return read(file, DEFAULT_MAX_PIXELS, DEFAULT_MAX_BYTES);
  }

  /**
   * Decodes a file: JPEG, PNG, WebP, BMP, TIFF or GIF.
   *
   * @param maxPixels the maximum number of pixels; protects against small files that claim to be
   *     huge
   * @param maxBytes the maximum number of bytes that are read; a larger file is refused
   * @throws ImageException if the file cannot be read, is not an image, is damaged, or has more
   *     pixels or bytes than allowed
   * @throws IllegalArgumentException if a limit is below 1
   */
  public static RgbImage read(Path file, long maxPixels, long maxBytes) {
    return ImageDecoder.read(file, maxPixels, maxBytes);
  }

  /** {@link #read(byte[], long)} with the default limit. */
  public static RgbImage read(byte[] bytes) {
    return read(bytes, DEFAULT_MAX_PIXELS);
  }

  /**
   * Decodes the bytes of a file, in the formats of {@link #read(Path, long, long)}.
   *
   * @param bytes the whole file; not modified, and not referenced after the call
   * @throws ImageException if the bytes are not an image, are damaged, or hold more pixels than
   *     allowed; the message names the number of bytes
   * @throws IllegalArgumentException if maxPixels is below 1
   */
  public static RgbImage read(byte[] bytes, long maxPixels) {
    return ImageDecoder.read(bytes, maxPixels);
  }

  /** {@link #read(InputStream, long, long)} with the default limits. */
  public static RgbImage read(InputStream stream) {
    return read(stream, DEFAULT_MAX_PIXELS, DEFAULT_MAX_BYTES);
  }

  /**
   * Reads a stream to its end and decodes it, in the formats of {@link #read(Path, long, long)}.
   * The stream is not closed.
   *
   * @param maxBytes the maximum number of bytes of the image. At most one byte more is read from
   *     the stream, which is refused then.
   * @throws ImageException if the stream throws an exception, its bytes are not an image or are
   *     damaged, or it holds more pixels or bytes than allowed
   * @throws IllegalArgumentException if a limit is below 1
   */
  public static RgbImage read(InputStream stream, long maxPixels, long maxBytes) {
    return ImageDecoder.read(stream, maxPixels, maxBytes);
  }

  /**
   * Copies the image to a {@link BufferedImage}, which Java programs draw on and write to files.
   * Only callers of this method require the module java.desktop.
   */
  @SuppressWarnings("exports")
  public BufferedImage toBufferedImage() {
    return ComputeThreads.shared().run(this::copy);
  }

  private BufferedImage copy() {
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
