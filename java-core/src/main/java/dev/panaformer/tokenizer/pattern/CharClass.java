package dev.panaformer.tokenizer.pattern;

import dev.panaformer.tokenizer.text.Chars;

/** The classes of code points that published patterns distinguish, as bits. */
final class CharClass {
  static final int LETTER = 1;
  static final int NUMBER = 2;
  static final int SPACE = 4;
  static final int MARK = 8;

  /** {@code [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]}. */
  static final int UPPER = 16;

  /** {@code [\p{Ll}\p{Lm}\p{Lo}\p{M}]}. */
  static final int LOWER = 32;

  /** {@code [\p{P}\p{S}]}. */
  static final int PUNCTUATION_OR_SYMBOL = 64;

  private static final byte[] BASIC_PLANE = new byte[0x10000];

  static {
    for (int c = 0; c < BASIC_PLANE.length; c++) {
      BASIC_PLANE[c] = (byte) compute(c);
    }
  }

  private CharClass() {}

  static int of(int c) {
    return c < BASIC_PLANE.length ? BASIC_PLANE[c] : compute(c);
  }

  private static int compute(int c) {
    int bits = 0;
    switch (Character.getType(c)) {
      case Character.UPPERCASE_LETTER, Character.TITLECASE_LETTER -> bits = LETTER | UPPER;
      case Character.LOWERCASE_LETTER -> bits = LETTER | LOWER;
      case Character.MODIFIER_LETTER, Character.OTHER_LETTER -> bits = LETTER | UPPER | LOWER;
      case Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK ->
          bits = MARK | UPPER | LOWER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          bits = NUMBER;
      default -> {
        if (Chars.isCategoryPunctuation(c) || Chars.isSymbol(c)) {
          bits = PUNCTUATION_OR_SYMBOL;
        }
      }
    }
    return Chars.isWhitespace(c) ? bits | SPACE : bits;
  }
}
