package dev.panaformer.tokenizer.text;

import java.util.Arrays;

/**
 * GPT-2's alphabet: a printable char for each byte. Bytes that are printable in Latin-1 stand for
 * themselves, the others for the chars from U+0100 on, in order.
 */
public final class ByteAlphabet {
  private static final char[] CHARS = new char[256];
  private static final short[] BYTES = new short[0x144];

  static {
    Arrays.fill(BYTES, (short) -1);
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      CHARS[b] = (char) (printable ? b : next++);
      BYTES[CHARS[b]] = (short) b;
    }
  }

  private ByteAlphabet() {}

  /** The char of a byte, given as 0 to 255. */
  public static char charOf(int b) {
    return CHARS[b];
  }

  /** The byte of a char, 0 to 255, or -1 if the char is not in the alphabet. */
  public static int byteOf(char c) {
    return c < BYTES.length ? BYTES[c] : -1;
  }

  /** Appends the chars of the UTF-8 bytes of part of a text. */
  public static void append(Text text, int from, int to, Text bytes) {
    for (int i = from; i < to; ) {
      char c = text.charAt(i);
      if (c < 0x80) {
        bytes.append(CHARS[c], text, i);
        i++;
        continue;
      }
      int code = text.codePointAt(i);
      if (code < 0x800) {
        bytes.append(CHARS[0xC0 | code >> 6], text, i);
      } else {
        if (code < 0x10000) {
          bytes.append(CHARS[0xE0 | code >> 12], text, i);
        } else {
          bytes.append(CHARS[0xF0 | code >> 18], text, i);
          bytes.append(CHARS[0x80 | code >> 12 & 0x3F], text, i);
        }
        bytes.append(CHARS[0x80 | code >> 6 & 0x3F], text, i);
      }
      bytes.append(CHARS[0x80 | code & 0x3F], text, i);
      i += Character.charCount(code);
    }
  }
}
