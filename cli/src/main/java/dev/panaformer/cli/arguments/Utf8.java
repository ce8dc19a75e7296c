package dev.panaformer.cli.arguments;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;

/** Decodes UTF-8 and says where it is not. */
final class Utf8 {
  private Utf8() {}

  /**
   * @param source where the bytes come from, for the message
   * @param line the number of the first line, from 1
   * @throws IOException if the bytes are not UTF-8, naming the line and the byte in it
   */
  static String decode(String source, ByteBuffer bytes, long line) throws IOException {
    int start = bytes.position();
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    CharBuffer text = CharBuffer.allocate(bytes.remaining());
    CoderResult result = decoder.decode(bytes, text, true);
    if (result.isError()) {
      int wrong = bytes.position();
      int column = 1;
      for (int i = start; i < wrong; i++) {
        boolean ended = bytes.get(i) == '\n';
        line += ended ? 1 : 0;
        column = ended ? 1 : column + 1;
      }
      throw new IOException(
          String.format(
              "%s: not UTF-8 in line %d: its byte %d is 0x%02X",
              source, line, column, bytes.get(wrong)));
    }
    return text.flip().toString();
  }
}
