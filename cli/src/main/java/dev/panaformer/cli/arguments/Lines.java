package dev.panaformer.cli.arguments;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The lines of a UTF-8 stream. They end in LF, CR LF or CR; a byte order mark is left out. */
final class Lines implements Closeable {
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private final String name;
  private final BufferedInputStream stream;
  private long number;
  private long bytes;
  private boolean afterReturn;

  Lines(String name, InputStream stream) {
    this.name = name;
    this.stream = new BufferedInputStream(stream, 1 << 16);
  }

  static Lines of(Path file) throws IOException {
    requireFile(file);
    return new Lines(file.toString(), Files.newInputStream(file));
  }

  /**
   * @throws IOException if it is a folder, which can be opened but not read
   */
  static void requireFile(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new FileSystemException(file.toString(), null, "a folder, expected a file");
    }
  }

  /** Whether something can be read without waiting. */
  boolean isReady() throws IOException {
    return stream.available() > 0;
  }

  /** How many bytes have been read. */
  long bytes() {
    return bytes;
  }

  /** What was read last, for messages. */
  String place() {
    return name + ": line " + number;
  }

  /** The next line, or null at the end. */
  String next() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    try {
      int next = read();
      if (afterReturn && next == '\n') {
        next = read();
      }
      if (next < 0) {
        return null;
      }
      for (; next >= 0 && next != '\n' && next != '\r'; next = read()) {
        line.write(next);
      }
      afterReturn = next == '\r';
    } catch (FileSystemException e) {
      throw e;
    } catch (IOException e) {
      throw new FileSystemException(name, null, e.getMessage());
    }
    number++;
    String text = Utf8.decode(name, ByteBuffer.wrap(line.toByteArray()), number);
    return number == 1 && text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
  }

  private int read() throws IOException {
    int next = stream.read();
    bytes += next < 0 ? 0 : 1;
    return next;
  }

  @Override
  public void close() throws IOException {
    stream.close();
  }
}
