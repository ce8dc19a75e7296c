package dev.panaformer.cli.arguments;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a whole UTF-8 text from a file or from stdin. */
public final class TextFile {
  private static final Path STDIN = Path.of("-");

  private TextFile() {}

  /**
   * The text of a file. The path {@code -} means stdin.
   *
   * @throws IOException if it cannot be read or is not UTF-8
   */
  public static String read(Path file) throws IOException {
    if (file.equals(STDIN)) {
      return stdin();
    }
    Lines.requireFile(file);
    return Utf8.decode(file.toString(), ByteBuffer.wrap(Files.readAllBytes(file)), 1);
  }

  /**
   * All that stdin has, up to its end.
   *
   * @throws IOException if it cannot be read or is not UTF-8
   */
  public static String stdin() throws IOException {
    return Utf8.decode("stdin", ByteBuffer.wrap(System.in.readAllBytes()), 1);
  }
}
