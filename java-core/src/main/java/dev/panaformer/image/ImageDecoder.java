package dev.panaformer.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** Decodes image files with ImageIO and the readers that TwelveMonkeys adds to it. */
final class ImageDecoder {
  private static final int EXPECTED_SAMPLE_BITS = 8;

  /** Files are read into a byte array, so they cannot be larger than an array. */
  private static final long MAX_FILE_BYTES = Integer.MAX_VALUE - 8L;

  private static final String SHORT = "it ends before its last pixel";

  static {
    ImageIO.setUseCache(false);
  }

  private ImageDecoder() {}

  static RgbImage read(Path file, long maxPixels) {
    byte[] bytes = bytes(file);
    try (ImageInputStream stream = new FileBytes(bytes)) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(stream);
      if (!readers.hasNext()) {
        throw new ImageException(
            file + ": not an image that can be read, expected JPEG, PNG, WebP, BMP, TIFF or GIF");
      }
      ImageReader reader = readers.next();
      try {
        return decode(file, reader, stream, bytes, maxPixels);
      } finally {
        reader.dispose();
      }
    } catch (ImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      // For damaged files, readers throw arbitrary runtime exceptions.
      throw new ImageException(file + ": a damaged image: " + reason(e), e);
    }
  }

  /**
   * A file in memory that throws at its end. Some readers treat bytes after the end as zeros and
   * can continue for as long as a damaged header says.
   */
  private static final class FileBytes extends MemoryCacheImageInputStream {
    private static final int MAX_READS_BEHIND_END = 256;

    private int readsBehindEnd;

    FileBytes(byte[] bytes) {
      super(new ByteArrayInputStream(bytes));
    }

    @Override
    public int read() throws IOException {
      int value = super.read();
      if (value < 0 && ++readsBehindEnd > MAX_READS_BEHIND_END) {
        throw new IOException(SHORT);
      }
      return value;
    }
  }

  private static byte[] bytes(Path file) {
    try {
      long size = Files.size(file);
      if (Files.isDirectory(file)) {
        throw new ImageException(file + ": a folder, expected an image");
      }
      if (size == 0) {
        throw new ImageException(file + ": an empty file, expected an image");
      }
      if (size > MAX_FILE_BYTES) {
        throw new ImageException(file + ": a file of " + size + " bytes, too large for an image");
      }
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new ImageException(
          file + (Files.exists(file) ? ": cannot be read: " + reason(e) : ": no such file"), e);
    }
  }

  private static RgbImage decode(
      Path file, ImageReader reader, ImageInputStream stream, byte[] bytes, long maxPixels)
      throws IOException {
    boolean[] truncated = new boolean[1];
    reader.addIIOReadWarningListener(
        (source, warning) -> truncated[0] |= warning.toLowerCase().contains("premature end"));
    reader.setInput(stream, true, false);
    int width = reader.getWidth(0);
    int height = reader.getHeight(0);
    if (width < 1 || height < 1) {
      throw new ImageException(
          String.format("%s: an image of %d x %d pixels", file, width, height));
    }
    if ((long) width * height > Math.min(maxPixels, Integer.MAX_VALUE / RgbImage.CHANNELS)) {
      throw new ImageException(
          String.format(
              "%s: an image of %d x %d pixels, more than the %d that are allowed",
              file, width, height, maxPixels));
    }
    BufferedImage image = reader.read(0);
    if (truncated[0]) {
      throw new ImageException(file + ": a damaged image: " + SHORT);
    }
    RgbImage rgb = new RgbImage(image.getWidth(), image.getHeight(), samples(image));
    return Orientation.turned(rgb, Orientation.of(ByteBuffer.wrap(bytes)));
  }

  private static String reason(Exception e) {
    if (e instanceof EOFException) {
      return SHORT;
    }
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  /**
   * The samples as stored in the file, whatever its colour profile, because models were trained on
   * these. Only palettes and colour spaces other than RGB are converted.
   */
  private static byte[] samples(BufferedImage image) {
    ColorModel model = image.getColorModel();
    int space = model.getColorSpace().getType();
    boolean direct = space == ColorSpace.TYPE_GRAY || space == ColorSpace.TYPE_RGB;
    boolean integers = model.getTransferType() <= DataBuffer.TYPE_INT;
    if (model instanceof IndexColorModel || !direct || !integers) {
      return converted(image);
    }
    if (image.getType() == BufferedImage.TYPE_3BYTE_BGR) {
      return ofBgr(image);
    }
    return ofRaster(image.getRaster(), model);
  }

  private static byte[] ofBgr(BufferedImage image) {
    Raster raster = image.getRaster();
    byte[] bgr = ((DataBufferByte) raster.getDataBuffer()).getData();
    byte[] rgb = new byte[image.getWidth() * image.getHeight() * RgbImage.CHANNELS];
    if (bgr.length != rgb.length) {
      return ofRaster(raster, image.getColorModel());
    }
    for (int i = 0; i < rgb.length; i += RgbImage.CHANNELS) {
      rgb[i] = bgr[i + 2];
      rgb[i + 1] = bgr[i + 1];
      rgb[i + 2] = bgr[i];
    }
    return rgb;
  }

  private static byte[] ofRaster(Raster raster, ColorModel model) {
    int width = raster.getWidth();
    int bands = raster.getNumBands();
    boolean grey = model.getNumColorComponents() == 1;
    byte[] rgb = new byte[width * raster.getHeight() * RgbImage.CHANNELS];
    int[] line = new int[width * bands];
    int[] bits = new int[bands];
    for (int band = 0; band < bands; band++) {
      bits[band] = model.getComponentSize(band);
    }
    for (int y = 0, to = 0; y < raster.getHeight(); y++) {
      raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, line);
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < RgbImage.CHANNELS; c++, to++) {
          int band = grey ? 0 : c;
          rgb[to] = (byte) eightBits(line[x * bands + band], bits[band]);
        }
      }
    }
    return rgb;
  }

  /**
   * Converts a sample to 8 bits: the high bits of a deeper sample, or a shallower sample scaled to
   * the full range.
   */
  private static int eightBits(int sample, int bits) {
    if (bits >= EXPECTED_SAMPLE_BITS) {
      return sample >>> bits - EXPECTED_SAMPLE_BITS;
    }
    return sample * 255 / ((1 << bits) - 1);
  }

  private static byte[] converted(BufferedImage image) {
    int width = image.getWidth();
    byte[] rgb = new byte[width * image.getHeight() * RgbImage.CHANNELS];
    int[] line = new int[width];
    for (int y = 0, to = 0; y < image.getHeight(); y++) {
      image.getRGB(0, y, width, 1, line, 0, width);
      for (int x = 0; x < width; x++) {
        rgb[to++] = (byte) (line[x] >> 16);
        rgb[to++] = (byte) (line[x] >> 8);
        rgb[to++] = (byte) line[x];
      }
    }
    return rgb;
  }
}
