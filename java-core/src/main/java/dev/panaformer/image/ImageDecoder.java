package dev.panaformer.image;

import dev.panaformer.threads.ComputeThreads;
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
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Objects;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** Decodes image files with ImageIO and the readers that TwelveMonkeys adds to it. */
final class ImageDecoder {
  private static final int EXPECTED_SAMPLE_BITS = 8;

  /** Files are read into an array; this is the length that every JVM can allocate. */
  private static final int MAX_ARRAY_BYTES = Integer.MAX_VALUE - 8;

  private static final String SHORT = "it ends before its last pixel";

  static {
    ImageIO.setUseCache(false);
  }

  private ImageDecoder() {}

  static RgbImage read(Path file, long maxPixels, long maxBytes) {
    return read(file.toString(), bytes(file, maxBytes), maxPixels);
  }

  static RgbImage read(InputStream stream, long maxPixels, long maxBytes) {
    Objects.requireNonNull(stream, "stream is null, expected an image");
    requirePositive("maxBytes", maxBytes);
    byte[] bytes;
    try {
      bytes = bytes("image from a stream", stream, maxBytes);
    } catch (IOException e) {
      throw new ImageException("image from a stream: cannot be read: " + reason(e), e);
    }
    return read("image from a stream of " + bytes.length + " bytes", bytes, maxPixels);
  }

  static RgbImage read(byte[] bytes, long maxPixels) {
    Objects.requireNonNull(bytes, "bytes is null, expected an image");
    return read("image of " + bytes.length + " bytes", bytes, maxPixels);
  }

  /**
   * @param source what is decoded, for messages
   */
  private static RgbImage read(String source, byte[] bytes, long maxPixels) {
    requirePositive("maxPixels", maxPixels);
    return ComputeThreads.shared().run(() -> decode(source, bytes, maxPixels));
  }

  private static RgbImage decode(String source, byte[] bytes, long maxPixels) {
    if (bytes.length == 0) {
      throw new ImageException(source + ": empty, expected an image");
    }
    try (ImageInputStream stream = new FileBytes(bytes)) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(stream);
      if (!readers.hasNext()) {
        throw new ImageException(
            source
                + ": "
                + ImageReaders.missing(bytes)
                    .orElse(
                        "not an image that can be read, expected JPEG, PNG, WebP, BMP, TIFF or"
                            + " GIF"));
      }
      ImageReader reader = readers.next();
      try {
        return decode(source, reader, stream, bytes, maxPixels);
      } catch (ImageException e) {
        throw e;
      } catch (IOException | RuntimeException e) {
        // For damaged files, readers throw arbitrary runtime exceptions.
        String missing = ImageReaders.missing(bytes, reader).map(m -> ", or " + m).orElse("");
        throw new ImageException(source + ": a damaged image: " + reason(e) + missing, e);
      } finally {
        reader.dispose();
      }
    } catch (ImageException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new ImageException(source + ": a damaged image: " + reason(e), e);
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

  private static byte[] bytes(Path file, long maxBytes) {
    requirePositive("maxBytes", maxBytes);
    if (Files.isDirectory(file)) {
      throw new ImageException(file + ": a folder, expected an image");
    }
    try (InputStream stream = Files.newInputStream(file)) {
      long size = Files.size(file);
      if (size > Math.min(maxBytes, MAX_ARRAY_BYTES)) {
        throw new ImageException(
            String.format(
                "%s: a file of %d bytes, more than the %d that are allowed",
                file, size, Math.min(maxBytes, MAX_ARRAY_BYTES)));
      }
      // A pipe has no size, and a file may grow, so the limit holds for what is read too.
      return bytes(file.toString(), stream, maxBytes);
    } catch (NoSuchFileException e) {
      throw new ImageException(file + ": no such file", e);
    } catch (AccessDeniedException e) {
      throw new ImageException(file + ": permission denied", e);
    } catch (IOException e) {
      throw new ImageException(file + ": cannot be read: " + reason(e), e);
    }
  }

  /** Reads a stream to its end, and never more than one byte above the limit. */
  private static byte[] bytes(String source, InputStream stream, long maxBytes) throws IOException {
    int limit = (int) Math.min(maxBytes, MAX_ARRAY_BYTES);
    byte[] bytes = stream.readNBytes(limit);
    if (bytes.length == limit && stream.read() >= 0) {
      throw new ImageException(source + ": more than the " + limit + " bytes that are allowed");
    }
    return bytes;
  }

  private static void requirePositive(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + ", expected at least 1");
    }
  }

  private static RgbImage decode(
      String source, ImageReader reader, ImageInputStream stream, byte[] bytes, long maxPixels)
      throws IOException {
    boolean[] truncated = new boolean[1];
    reader.addIIOReadWarningListener(
        (from, warning) -> truncated[0] |= warning.toLowerCase().contains("premature end"));
    reader.setInput(stream, true, false);
    int width = reader.getWidth(0);
    int height = reader.getHeight(0);
    if (width < 1 || height < 1) {
      throw new ImageException(
          String.format("%s: an image of %d x %d pixels", source, width, height));
    }
    if ((long) width * height > Math.min(maxPixels, Integer.MAX_VALUE / RgbImage.CHANNELS)) {
      throw new ImageException(
          String.format(
              "%s: an image of %d x %d pixels, more than the %d that are allowed",
              source, width, height, maxPixels));
    }
    BufferedImage image = reader.read(0);
    if (truncated[0]) {
      throw new ImageException(source + ": a damaged image: " + SHORT);
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
