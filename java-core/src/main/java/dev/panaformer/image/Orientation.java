package dev.panaformer.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The orientation of the camera, from EXIF tag 0x0112: a number from 1 to 8; 1 means upright. It is
 * read from segments of JPEG, chunks of PNG and WebP, and TIFF itself. If the data is damaged, the
 * image counts as upright.
 */
final class Orientation {
  static final int UPRIGHT = 1;

  private static final int TAG = 0x0112;
  private static final int LAST = 8;
  private static final int ENTRY_BYTES = 12;
  private static final int JPEG_START = 0xffd8;
  private static final int JPEG_SCAN = 0xda;
  private static final int JPEG_APP1 = 0xe1;
  private static final String EXIF_HEADER = "Exif\0\0";

  private Orientation() {}

  /** Reads the orientation from the contents of a file. */
  static int of(ByteBuffer file) {
    try {
      ByteBuffer tiff = tiff(file.duplicate().order(ByteOrder.BIG_ENDIAN));
      return tiff == null ? UPRIGHT : ofTiff(tiff);
    } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
      return UPRIGHT;
    }
  }

  /** Finds the part of a file that has TIFF structure; null if there is none. */
  private static ByteBuffer tiff(ByteBuffer file) {
    if ((file.getShort(0) & 0xffff) == JPEG_START) {
      return inJpeg(file);
    }
    if (text(file, 1, 3).equals("PNG")) {
      return inChunks(file, 8, 4, "eXIf");
    }
    if (text(file, 0, 4).equals("RIFF") && text(file, 8, 4).equals("WEBP")) {
      return inChunks(file.order(ByteOrder.LITTLE_ENDIAN), 12, 0, "EXIF");
    }
    return text(file, 0, 2).equals("II") || text(file, 0, 2).equals("MM") ? file : null;
  }

  private static ByteBuffer inJpeg(ByteBuffer file) {
    for (int at = 2; (file.get(at) & 0xff) == 0xff; ) {
      int marker = file.get(at + 1) & 0xff;
      int length = file.getShort(at + 2) & 0xffff;
      if (marker == JPEG_SCAN) {
        return null;
      }
      int begin = at + 4;
      if (marker == JPEG_APP1 && text(file, begin, EXIF_HEADER.length()).equals(EXIF_HEADER)) {
        return slice(file, begin + EXIF_HEADER.length(), length - 2 - EXIF_HEADER.length());
      }
      at += 2 + length;
    }
    return null;
  }

  /**
   * Finds TIFF data in the chunks of a file.
   *
   * @param trailer the number of bytes after each chunk of PNG; WebP has none, but pads chunks to
   *     an even length
   */
  private static ByteBuffer inChunks(ByteBuffer file, int first, int trailer, String name) {
    boolean lengthFirst = trailer > 0;
    for (int at = first; at + 8 <= file.limit(); ) {
      int length = file.getInt(lengthFirst ? at : at + 4);
      if (length < 0) {
        return null;
      }
      if (text(file, lengthFirst ? at + 4 : at, 4).equals(name)) {
        boolean headed = length > 6 && text(file, at + 8, EXIF_HEADER.length()).equals(EXIF_HEADER);
        int skipped = headed ? EXIF_HEADER.length() : 0;
        return slice(file, at + 8 + skipped, length - skipped);
      }
      at = Math.addExact(at + 8 + trailer, lengthFirst ? length : length + (length & 1));
    }
    return null;
  }

  private static int ofTiff(ByteBuffer tiff) {
    tiff.order(text(tiff, 0, 2).equals("II") ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    int directory = tiff.getInt(4);
    int entries = tiff.getShort(directory) & 0xffff;
    for (int i = 0; i < entries; i++) {
      int entry = directory + 2 + i * ENTRY_BYTES;
      if ((tiff.getShort(entry) & 0xffff) == TAG) {
        int value = tiff.getShort(entry + 8) & 0xffff;
        return value >= UPRIGHT && value <= LAST ? value : UPRIGHT;
      }
    }
    return UPRIGHT;
  }

  private static ByteBuffer slice(ByteBuffer file, int begin, int length) {
    return file.slice(begin, Math.min(length, file.limit() - begin));
  }

  private static String text(ByteBuffer file, int at, int length) {
    byte[] bytes = new byte[length];
    file.get(at, bytes);
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /** Rotates or mirrors the image so that it is upright. */
  static RgbImage turned(RgbImage image, int orientation) {
    if (orientation == UPRIGHT) {
      return image;
    }
    int width = image.width();
    int height = image.height();
    boolean lying = orientation >= 5;
    int newWidth = lying ? height : width;
    int newHeight = lying ? width : height;
    byte[] turned = new byte[image.samples().length];
    for (int y = 0; y < newHeight; y++) {
      for (int x = 0; x < newWidth; x++) {
        int from =
            switch (orientation) {
              case 2 -> y * width + width - 1 - x;
              case 3 -> (height - 1 - y) * width + width - 1 - x;
              case 4 -> (height - 1 - y) * width + x;
              case 5 -> x * width + y;
              case 6 -> (height - 1 - x) * width + y;
              case 7 -> (height - 1 - x) * width + width - 1 - y;
              default -> x * width + width - 1 - y;
            };
        System.arraycopy(
            image.samples(),
            from * RgbImage.CHANNELS,
            turned,
            (y * newWidth + x) * RgbImage.CHANNELS,
            RgbImage.CHANNELS);
      }
    }
    return new RgbImage(newWidth, newHeight, turned);
  }
}
