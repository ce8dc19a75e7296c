package dev.panaformer.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Transparency;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What files become, and what is said of those that are no images. */
@Timeout(60)
class ImageFilesTest {
  private static final long LIMIT = 1 << 20;
  private static final long MAX_BYTES = 1 << 20;

  /** One red pixel, lossless. */
  private static final String WEBP = "UklGRhwAAABXRUJQVlA4TBAAAAAvAAAAEAcQERGIiP4HAA==";

  @TempDir Path folder;

  /** A gradient that tells every corner from the others. */
  private static BufferedImage gradient(int width, int height, int type) {
    BufferedImage image = new BufferedImage(width, height, type);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int red = 255 * x / (width - 1);
        int green = 255 * y / (height - 1);
        image.setRGB(x, y, 0xff000000 | red << 16 | green << 8 | 40);
      }
    }
    return image;
  }

  private Path write(BufferedImage image, String format) throws IOException {
    Path file = folder.resolve("image." + format);
    assertTrue(ImageIO.write(image, format, file.toFile()), format);
    return file;
  }

  private static int sample(RgbImage image, int x, int y, int channel) {
    return image.samples()[(y * image.width() + x) * 3 + channel] & 0xff;
  }

  @ParameterizedTest
  @CsvSource({"png, 0", "bmp, 0", "tiff, 0", "jpg, 12"})
  void readsEveryFormat(String format, int tolerance) throws IOException {
    RgbImage image =
        RgbImage.read(
            write(gradient(31, 17, BufferedImage.TYPE_3BYTE_BGR), format), LIMIT, MAX_BYTES);
    assertEquals(31, image.width());
    assertEquals(17, image.height());
    for (int y = 0; y < 17; y++) {
      for (int x = 0; x < 31; x++) {
        assertEquals(255 * x / 30, sample(image, x, y, 0), tolerance);
        assertEquals(255 * y / 16, sample(image, x, y, 1), tolerance);
        assertEquals(40, sample(image, x, y, 2), 2 * tolerance);
      }
    }
  }

  @Test
  void readsWebP() throws IOException {
    Path file = Files.write(folder.resolve("a.webp"), Base64.getDecoder().decode(WEBP));
    RgbImage image = RgbImage.read(file, LIMIT, MAX_BYTES);
    assertEquals(1, image.width());
    assertEquals(1, image.height());
  }

  @Test
  void dropsTransparency() throws IOException {
    BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_4BYTE_ABGR);
    image.setRGB(0, 0, 0x00102030);
    image.setRGB(1, 0, 0x80405060);
    RgbImage read = RgbImage.read(write(image, "png"), LIMIT, MAX_BYTES);
    assertArrayEquals(new byte[] {0x10, 0x20, 0x30, 0x40, 0x50, 0x60}, read.samples());
  }

  @Test
  void greyIsTheSameInEveryChannel() throws IOException {
    BufferedImage image = new BufferedImage(3, 1, BufferedImage.TYPE_BYTE_GRAY);
    image.getRaster().setPixels(0, 0, 3, 1, new int[] {0, 100, 255});
    RgbImage read = RgbImage.read(write(image, "png"), LIMIT, MAX_BYTES);
    assertArrayEquals(
        new byte[] {0, 0, 0, 100, 100, 100, (byte) 255, (byte) 255, (byte) 255}, read.samples());
  }

  @Test
  void keepsTheHighBitsOfDeepSamples() throws IOException {
    ComponentColorModel model =
        new ComponentColorModel(
            ColorSpace.getInstance(ColorSpace.CS_sRGB),
            false,
            false,
            Transparency.OPAQUE,
            DataBuffer.TYPE_USHORT);
    WritableRaster raster = Raster.createInterleavedRaster(DataBuffer.TYPE_USHORT, 2, 1, 3, null);
    raster.setPixels(0, 0, 2, 1, new int[] {0x1234, 0xabcd, 0xffff, 0x00ff, 0x8000, 0});
    RgbImage read =
        RgbImage.read(
            write(new BufferedImage(model, raster, false, null), "png"), LIMIT, MAX_BYTES);
    byte[] high = {0x12, (byte) 0xab, (byte) 0xff, 0, (byte) 0x80, 0};
    assertArrayEquals(high, read.samples());
    byte[] deep = new byte[12];
    for (int i = 0; i < high.length; i++) {
      deep[2 * i] = (byte) 0x77;
      deep[2 * i + 1] = high[i];
    }
    Path tiff = Files.write(folder.resolve("deep.tiff"), tiff(2, 3, 16, 2, deep));
    assertArrayEquals(high, RgbImage.read(tiff, LIMIT, MAX_BYTES).samples());
  }

  @Test
  void convertsInks() throws IOException {
    byte[] inks = {0, (byte) 255, (byte) 255, 0, 0, 0, 0, 0, 0, 0, 0, (byte) 255};
    Path file = Files.write(folder.resolve("cmyk.tiff"), tiff(3, 4, 8, 5, inks));
    RgbImage image = RgbImage.read(file, LIMIT, MAX_BYTES);
    assertTrue(sample(image, 0, 0, 0) > sample(image, 0, 0, 1) + 100, "red");
    assertTrue(sample(image, 1, 0, 0) > 230 && sample(image, 1, 0, 2) > 230, "white");
    assertTrue(sample(image, 2, 0, 0) < 60 && sample(image, 2, 0, 1) < 60, "black");
  }

  /** One line of samples, in one strip behind the directory. */
  private static byte[] tiff(int width, int samples, int bits, int photometric, byte[] data) {
    int entries = 10;
    int lists = 8 + 2 + 12 * entries + 4;
    ByteBuffer tiff =
        ByteBuffer.allocate(lists + 2 * samples + data.length).order(ByteOrder.LITTLE_ENDIAN);
    tiff.put(new byte[] {'I', 'I', 42, 0}).putInt(8).putShort((short) entries);
    int[][] fields = {
      {256, 3, 1, width},
      {257, 3, 1, 1},
      {258, 3, samples, lists},
      {259, 3, 1, 1},
      {262, 3, 1, photometric},
      {273, 4, 1, lists + 2 * samples},
      {277, 3, 1, samples},
      {278, 3, 1, 1},
      {279, 4, 1, data.length},
      {284, 3, 1, 1},
    };
    for (int[] field : fields) {
      tiff.putShort((short) field[0]).putShort((short) field[1]);
      tiff.putInt(field[2]).putInt(field[3]);
    }
    tiff.putInt(0);
    for (int i = 0; i < samples; i++) {
      tiff.putShort((short) bits);
    }
    return tiff.put(data).array();
  }

  @ParameterizedTest
  @CsvSource({
    "1, 3, 2, 0 0", "2, 3, 2, 2 0", "3, 3, 2, 2 1", "4, 3, 2, 0 1",
    "5, 2, 3, 0 0", "6, 2, 3, 1 0", "7, 2, 3, 1 2", "8, 2, 3, 0 2"
  })
  void turnsWhatTheCameraTurned(int orientation, int width, int height, String firstPixelAt)
      throws IOException {
    byte[] png = png(marked());
    Path file = Files.write(folder.resolve("exif.png"), withChunk(png, "eXIf", exif(orientation)));
    RgbImage image = RgbImage.read(file, LIMIT, MAX_BYTES);
    assertEquals(width, image.width());
    assertEquals(height, image.height());
    String[] place = firstPixelAt.split(" ");
    assertEquals(255, sample(image, Integer.parseInt(place[0]), Integer.parseInt(place[1]), 0));
  }

  @Test
  void findsTheOrientationInJpeg() throws IOException {
    ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
    ImageIO.write(gradient(31, 17, BufferedImage.TYPE_3BYTE_BGR), "jpg", jpeg);
    byte[] exif = exif(6);
    ByteBuffer segment = ByteBuffer.allocate(exif.length + 10);
    segment.putShort((short) 0xffe1).putShort((short) (exif.length + 8));
    segment.put("Exif\0\0".getBytes(StandardCharsets.ISO_8859_1)).put(exif);
    byte[] plain = jpeg.toByteArray();
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    whole.write(plain, 0, 2);
    whole.write(segment.array());
    whole.write(plain, 2, plain.length - 2);
    Path file = Files.write(folder.resolve("turned.jpg"), whole.toByteArray());
    RgbImage image = RgbImage.read(file, LIMIT, MAX_BYTES);
    assertEquals(17, image.width());
    assertEquals(31, image.height());
  }

  /** Black but for its upper left pixel, 3 wide and 2 high. */
  private static BufferedImage marked() {
    BufferedImage image = new BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB);
    image.setRGB(0, 0, 0xff0000);
    return image;
  }

  private static byte[] png(BufferedImage image) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(image, "png", out);
    return out.toByteArray();
  }

  /** A TIFF directory with nothing but an orientation. */
  private static byte[] exif(int orientation) {
    return ByteBuffer.allocate(26)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(new byte[] {'I', 'I'})
        .putShort((short) 42)
        .putInt(8)
        .putShort((short) 1)
        .putShort((short) 0x0112)
        .putShort((short) 3)
        .putInt(1)
        .putInt(orientation)
        .putInt(0)
        .array();
  }

  /** A PNG with a chunk more, right behind its header. */
  private static byte[] withChunk(byte[] png, String name, byte[] data) {
    int header = 8 + 25;
    ByteBuffer whole = ByteBuffer.allocate(png.length + 12 + data.length);
    CRC32 checksum = new CRC32();
    byte[] type = name.getBytes(StandardCharsets.ISO_8859_1);
    checksum.update(type);
    checksum.update(data);
    whole.put(png, 0, header).putInt(data.length).put(type).put(data);
    whole.putInt((int) checksum.getValue()).put(png, header, png.length - header);
    return whole.array();
  }

  private String refused(byte[] bytes, String name, long limit) throws IOException {
    Path file = Files.write(folder.resolve(name), bytes);
    ImageException e =
        assertThrows(ImageException.class, () -> RgbImage.read(file, limit, MAX_BYTES));
    assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
    return e.getMessage().substring(file.toString().length() + 2);
  }

  @Test
  void refusesWhatIsNoImage() throws IOException {
    assertEquals("empty, expected an image", refused(new byte[0], "empty.png", LIMIT));
    String expected = "not an image that can be read, expected JPEG, PNG, WebP, BMP, TIFF or GIF";
    assertEquals(expected, refused("just text, no image".getBytes(), "text.jpg", LIMIT));
    assertEquals(expected, refused(new byte[] {1, 2, 3}, "short", LIMIT));
    Path absent = folder.resolve("absent.png");
    assertEquals(
        absent + ": no such file",
        assertThrows(ImageException.class, () -> RgbImage.read(absent, LIMIT, MAX_BYTES))
            .getMessage());
    assertEquals(
        folder + ": a folder, expected an image",
        assertThrows(ImageException.class, () -> RgbImage.read(folder, LIMIT, MAX_BYTES))
            .getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"png", "jpg", "bmp", "tiff", "gif"})
  void refusesTruncatedFiles(String format) throws IOException {
    byte[] whole =
        Files.readAllBytes(write(gradient(200, 150, BufferedImage.TYPE_INT_RGB), format));
    for (int part : new int[] {2, 4, 10}) {
      byte[] cut = Arrays.copyOf(whole, whole.length * (part - 1) / part);
      String message = refused(cut, part + "." + format, LIMIT);
      assertTrue(message.contains("image"), message);
    }
  }

  /** Whatever is wrong with a file, the answer is an image or an exception that names the file. */
  @ParameterizedTest
  @ValueSource(strings = {"png", "jpg", "bmp", "tiff", "gif", "webp"})
  void survivesDamage(String format) throws IOException {
    byte[] whole =
        format.equals("webp")
            ? Base64.getDecoder().decode(WEBP)
            : Files.readAllBytes(write(gradient(40, 30, BufferedImage.TYPE_INT_RGB), format));
    Random random = new Random(11);
    Path file = folder.resolve("damaged." + format);
    for (int i = 0; i < 300; i++) {
      byte[] damaged = whole.clone();
      for (int j = random.nextInt(4); j >= 0; j--) {
        int bound = random.nextBoolean() ? Math.min(60, damaged.length) : damaged.length;
        damaged[random.nextInt(bound)] = (byte) random.nextInt();
      }
      Files.write(file, damaged);
      try {
        RgbImage image = RgbImage.read(file, LIMIT, MAX_BYTES);
        assertTrue((long) image.width() * image.height() <= LIMIT);
      } catch (ImageException e) {
        assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
      }
    }
  }

  @Test
  void refusesZeroSizedImages() throws IOException {
    byte[] png = png(marked());
    ByteBuffer.wrap(png).putInt(16, 0);
    String message = refused(png, "zero.png", LIMIT);
    assertTrue(message.contains("image"), message);
  }

  @Test
  void bytesAndStreamsAreReadLikeFiles() throws IOException {
    Path file = write(gradient(31, 17, BufferedImage.TYPE_3BYTE_BGR), "png");
    byte[] bytes = Files.readAllBytes(file);
    byte[] samples = RgbImage.read(file).samples();
    assertArrayEquals(samples, RgbImage.read(bytes).samples());
    assertArrayEquals(samples, RgbImage.read(bytes, LIMIT).samples());
    assertArrayEquals(samples, RgbImage.read(new ByteArrayInputStream(bytes)).samples());
    assertArrayEquals(
        png(gradient(31, 17, BufferedImage.TYPE_3BYTE_BGR)), bytes, "the bytes are not modified");
    byte[] turned = withChunk(png(marked()), "eXIf", exif(6));
    assertEquals(2, RgbImage.read(turned).width(), "turned like a file");
  }

  /** Counts what is read of it, and whether it is closed. */
  private static final class Watched extends FilterInputStream {
    private long bytes;
    private boolean closed;

    Watched(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      int value = super.read();
      bytes += value < 0 ? 0 : 1;
      return value;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      int count = super.read(into, from, length);
      bytes += Math.max(count, 0);
      return count;
    }

    @Override
    public void close() throws IOException {
      closed = true;
      super.close();
    }
  }

  @Test
  void aStreamIsReadUpToTheLimitAndNotClosed() throws IOException {
    byte[] png = png(marked());
    Watched whole = new Watched(new ByteArrayInputStream(png));
    assertEquals(3, RgbImage.read(whole, LIMIT, png.length).width());
    assertEquals(png.length, whole.bytes);
    assertFalse(whole.closed);
    InputStream endless = new SequenceInputStream(new ByteArrayInputStream(png), zeros());
    Watched tooLong = new Watched(endless);
    assertEquals(
        "image from a stream: more than the 100 bytes that are allowed",
        assertThrows(ImageException.class, () -> RgbImage.read(tooLong, LIMIT, 100)).getMessage());
    assertEquals(101, tooLong.bytes);
    assertFalse(tooLong.closed);
  }

  private static InputStream zeros() {
    return new InputStream() {
      @Override
      public int read() {
        return 0;
      }
    };
  }

  @Test
  void aLargeFileIsRefusedBeforeItIsRead() throws IOException {
    Path file = folder.resolve("large.png");
    Files.write(file, png(marked()));
    long size = Files.size(file);
    assertEquals(3, RgbImage.read(file, LIMIT, size).width());
    assertEquals(
        file + ": a file of " + size + " bytes, more than the " + (size - 1) + " that are allowed",
        assertThrows(ImageException.class, () -> RgbImage.read(file, LIMIT, size - 1))
            .getMessage());
    Path sparse = folder.resolve("sparse.png");
    try (FileChannel channel =
        FileChannel.open(sparse, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(1), 1L << 32);
    }
    assertEquals(
        sparse + ": a file of 4294967297 bytes, more than the 268435456 that are allowed",
        assertThrows(ImageException.class, () -> RgbImage.read(sparse)).getMessage());
    assertEquals(
        sparse + ": a file of 4294967297 bytes, more than the 2147483639 that are allowed",
        assertThrows(ImageException.class, () -> RgbImage.read(sparse, LIMIT, Long.MAX_VALUE))
            .getMessage());
  }

  @Test
  void refusalsOfBytesAndStreamsSayWhatTheyWere() throws IOException {
    String expected = ": not an image that can be read, expected JPEG, PNG, WebP, BMP, TIFF or GIF";
    byte[] text = "just text, no image".getBytes(StandardCharsets.UTF_8);
    assertEquals("image of 19 bytes" + expected, refusedBytes(text));
    assertEquals("image from a stream of 19 bytes" + expected, refusedStream(text));
    assertEquals("image of 0 bytes: empty, expected an image", refusedBytes(new byte[0]));
    assertEquals(
        "image from a stream of 0 bytes: empty, expected an image", refusedStream(new byte[0]));
    byte[] png = png(gradient(200, 150, BufferedImage.TYPE_INT_RGB));
    byte[] cut = Arrays.copyOf(png, png.length / 2);
    String damaged = "image of " + cut.length + " bytes: a damaged image: ";
    assertTrue(refusedBytes(cut).startsWith(damaged), refusedBytes(cut));
    assertEquals(
        "image of "
            + png.length
            + " bytes: an image of 200 x 150 pixels, more than the 5 that are"
            + " allowed",
        assertThrows(ImageException.class, () -> RgbImage.read(png, 5)).getMessage());
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("connection reset");
          }
        };
    assertEquals(
        "image from a stream: cannot be read: connection reset",
        assertThrows(ImageException.class, () -> RgbImage.read(broken)).getMessage());
  }

  @Test
  void limitsBelowOneAreRefused() throws IOException {
    byte[] png = png(marked());
    Path file = Files.write(folder.resolve("a.png"), png);
    refusedLimit("maxPixels is 0, expected at least 1", () -> RgbImage.read(png, 0));
    refusedLimit("maxBytes is 0, expected at least 1", () -> RgbImage.read(file, 1, 0));
    refusedLimit(
        "maxBytes is -1, expected at least 1",
        () -> RgbImage.read(new ByteArrayInputStream(png), 1, -1));
  }

  private static void refusedLimit(String message, Executable read) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, read).getMessage());
  }

  private static String refusedBytes(byte[] bytes) {
    return assertThrows(ImageException.class, () -> RgbImage.read(bytes)).getMessage();
  }

  private static String refusedStream(byte[] bytes) {
    InputStream stream = new ByteArrayInputStream(bytes);
    return assertThrows(ImageException.class, () -> RgbImage.read(stream)).getMessage();
  }

  @Test
  void refusesMorePixelsThanAllowedBeforeItDecodesThem() throws IOException {
    byte[] png = png(marked());
    // The header alone says so; its checksum is not what keeps anybody from believing it.
    ByteBuffer header = ByteBuffer.wrap(png);
    header.putInt(16, 50_000).putInt(20, 40_000);
    CRC32 checksum = new CRC32();
    checksum.update(png, 12, 17);
    header.putInt(29, (int) checksum.getValue());
    assertEquals(
        "an image of 50000 x 40000 pixels, more than the 1048576 that are allowed",
        refused(png, "bomb.png", LIMIT));
    assertEquals(
        "an image of 3 x 2 pixels, more than the 5 that are allowed",
        refused(png(marked()), "small.png", 5));
    assertEquals(6, RgbImage.read(folder.resolve("small.png"), 6, MAX_BYTES).samples().length / 3);
  }
}
