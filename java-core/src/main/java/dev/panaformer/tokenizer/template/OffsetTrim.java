package dev.panaformer.tokenizer.template;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Chars;
import java.util.List;

/**
 * Takes white space at the beginning and the end of a token out of its range of the text.
 *
 * @param prefixSpace whether a space before the first token was added, and is not in the text
 */
public record OffsetTrim(boolean prefixSpace) {
  /** The char that stands for a space in the alphabet of bytes. */
  private static final char BYTE_SPACE = '\u0120';

  static List<OffsetTrim> read(ConfigJson json) {
    return json.optionalBoolean("trim_offsets", true)
        ? List.of(new OffsetTrim(json.optionalBoolean("add_prefix_space", true)))
        : List.of();
  }

  /**
   * The trimmed start of a token.
   *
   * @param text the text of the token
   * @param first whether it is the first token of its text
   */
  public int start(String text, String token, int start, int end, boolean first) {
    int leading = 0;
    while (leading < token.length() && isSpace(token.charAt(leading))) {
      leading++;
    }
    if (leading == 1 && prefixSpace && (first || start == 0)) {
      return start;
    }
    int trimmed = start;
    while (leading-- > 0 && trimmed < end) {
      trimmed += Character.charCount(text.codePointAt(trimmed));
    }
    return Math.min(trimmed, end);
  }

  /**
   * The trimmed end of a token.
   *
   * @param start the trimmed start
   */
  public int end(String text, String token, int start, int end) {
    int trailing = 0;
    while (trailing < token.length() && isSpace(token.charAt(token.length() - 1 - trailing))) {
      trailing++;
    }
    int trimmed = end;
    while (trailing-- > 0 && trimmed > start) {
      trimmed -= Character.charCount(text.codePointBefore(trimmed));
    }
    return Math.max(trimmed, start);
  }

  private static boolean isSpace(char c) {
    return c == BYTE_SPACE || Chars.isWhitespace(c);
  }
}
