package dev.panaformer.tokenizer.decode;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Turns tokens like {@code <0x61>} that follow one another into the characters that their bytes
 * encode, or each into U+FFFD if together they are not UTF-8.
 */
record ByteFallback() implements Decoder {
  private static final int TOKEN_LENGTH = 6;

  @Override
  public List<String> decode(List<String> tokens) {
    List<String> parts = new ArrayList<>(tokens.size());
    byte[] bytes = new byte[tokens.size()];
    int count = 0;
    for (String token : tokens) {
      int value = value(token);
      if (value >= 0) {
        bytes[count++] = (byte) value;
        continue;
      }
      addText(bytes, count, parts);
      count = 0;
      parts.add(token);
    }
    addText(bytes, count, parts);
    return parts;
  }

  private static int value(String token) {
    if (token.length() != TOKEN_LENGTH || !token.startsWith("<0x") || !token.endsWith(">")) {
      return -1;
    }
    char high = token.charAt(3);
    int first = high == '+' ? 0 : digit(high);
    int second = digit(token.charAt(4));
    return first < 0 || second < 0 ? -1 : 16 * first + second;
  }

  private static int digit(char c) {
    return c < 0x80 ? Character.digit(c, 16) : -1;
  }

  private static void addText(byte[] bytes, int count, List<String> parts) {
    if (count == 0) {
      return;
    }
    try {
      ByteBuffer utf8 = ByteBuffer.wrap(bytes, 0, count);
      parts.add(StandardCharsets.UTF_8.newDecoder().decode(utf8).toString());
    } catch (CharacterCodingException e) {
      for (int i = 0; i < count; i++) {
        parts.add("\uFFFD");
      }
    }
  }
}
