package dev.panaformer.tokenizer.text;

/**
 * Properties of code points, by the Unicode version of the JDK. Property names are those of
 * Unicode.
 */
public final class Chars {
  private Chars() {}

  /** White_Space. */
  public static boolean isWhitespace(int c) {
    if (c < 0x80) {
      return c == ' ' || c >= 9 && c <= 13;
    }
    return c == 0x85
        || c == 0xA0
        || c == 0x1680
        || c >= 0x2000 && c <= 0x200A
        || c == 0x2028
        || c == 0x2029
        || c == 0x202F
        || c == 0x205F
        || c == 0x3000;
  }

  /** The categories L*. */
  public static boolean isLetter(int c) {
    return Character.isLetter(c);
  }

  /** The categories N*. */
  public static boolean isNumber(int c) {
    if (c < 0x80) {
      return c >= '0' && c <= '9';
    }
    return switch (Character.getType(c)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> false;
    };
  }

  /** The categories M*. */
  public static boolean isMark(int c) {
    if (c < 0x300) {
      return false;
    }
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK ->
          true;
      default -> false;
    };
  }

  /** The category Mn. */
  public static boolean isNonSpacingMark(int c) {
    return c >= 0x300 && Character.getType(c) == Character.NON_SPACING_MARK;
  }

  /** The categories P*. */
  public static boolean isCategoryPunctuation(int c) {
    return switch (Character.getType(c)) {
      case Character.CONNECTOR_PUNCTUATION,
          Character.DASH_PUNCTUATION,
          Character.START_PUNCTUATION,
          Character.END_PUNCTUATION,
          Character.INITIAL_QUOTE_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      default -> false;
    };
  }

  /** The categories S*. */
  public static boolean isSymbol(int c) {
    return switch (Character.getType(c)) {
      case Character.MATH_SYMBOL,
          Character.CURRENCY_SYMBOL,
          Character.MODIFIER_SYMBOL,
          Character.OTHER_SYMBOL ->
          true;
      default -> false;
    };
  }

  /** What ASCII calls punctuation, and the categories P*. */
  public static boolean isPunctuation(int c) {
    if (c < 0x80) {
      return c > ' ' && c < 0x7F && !isAsciiLetterOrDigit(c);
    }
    return isCategoryPunctuation(c);
  }

  private static boolean isAsciiLetterOrDigit(int c) {
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'z' || c >= '0' && c <= '9';
  }

  /** What {@code \w} matches: Alphabetic, M*, Nd, Pc and Join_Control. */
  public static boolean isWord(int c) {
    if (c < 0x80) {
      return isAsciiLetterOrDigit(c) || c == '_';
    }
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK,
          Character.COMBINING_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.DECIMAL_DIGIT_NUMBER,
          Character.CONNECTOR_PUNCTUATION ->
          true;
      default -> Character.isAlphabetic(c) || c == 0x200C || c == 0x200D;
    };
  }

  /** Control, format and private-use characters: Cc, Cf and Co. */
  public static boolean isOther(int c) {
    if (c < 0x80) {
      return c < ' ' || c == 0x7F;
    }
    return switch (Character.getType(c)) {
      case Character.CONTROL, Character.FORMAT, Character.PRIVATE_USE -> true;
      default -> false;
    };
  }

  /** The lowercase mapping, except for U+0130, which {@link #LOWERCASE_DOTTED_I} maps. */
  public static int toLowerCase(int c) {
    return c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c) : Character.toLowerCase(c);
  }

  /** The only code point whose lowercase mapping has two code points. */
  public static final int DOTTED_I = 0x130;

  /** The lowercase mapping of {@link #DOTTED_I}. */
  public static final String LOWERCASE_DOTTED_I = "i\u0307";

  /** The number of bytes of a code point in UTF-8. */
  public static int utf8Length(int c) {
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  }

  /** A byte of a code point in UTF-8, 0 to 255. */
  public static int utf8Byte(int c, int index) {
    int length = utf8Length(c);
    if (length == 1) {
      return c;
    }
    int bits = c >> 6 * (length - 1 - index);
    return index > 0 ? 0x80 | bits & 0x3F : 0xF00 >> length & 0xFF | bits;
  }

  /**
   * Whether normal forms, grapheme clusters and the patterns of pre-tokenizers treat a text before
   * this place independently of what follows, but for the last pieces. That is so between two
   * letters or digits of the basic plane that do not combine.
   */
  public static boolean isSafeCut(char before, char after) {
    return isInert(before) && isInert(after);
  }

  private static boolean isInert(char c) {
    if (c < 0x80) {
      return isAsciiLetterOrDigit(c);
    }
    if (c >= 0x1100 && c <= 0x11FF || c >= 0xA960 && c <= 0xA97F || c >= 0xD7B0 && c <= 0xD7FF) {
      return false; // Jamo compose to syllables.
    }
    return switch (c) {
      case 0x0E33, 0x0EB3, 0x0D4E, 0xFF9E, 0xFF9F -> false; // Parts of a grapheme cluster.
      default -> Character.isLetterOrDigit(c);
    };
  }
}
