package dev.panaformer.tokenizer.pattern;

import static dev.panaformer.tokenizer.pattern.CharClass.LETTER;
import static dev.panaformer.tokenizer.pattern.CharClass.LOWER;
import static dev.panaformer.tokenizer.pattern.CharClass.MARK;
import static dev.panaformer.tokenizer.pattern.CharClass.NUMBER;
import static dev.panaformer.tokenizer.pattern.CharClass.SPACE;
import static dev.panaformer.tokenizer.pattern.CharClass.UPPER;

import dev.panaformer.tokenizer.text.Text;

/**
 * Splits a text into contractions, words, numbers, other characters and white space, in the way of
 * GPT-2 and its successors. Each field is one alternative of the pattern; they are tried in order.
 */
final class WordScanner extends Scanner {
  /** {@code 's|'t|'re|'ve|'m|'ll|'d}. */
  enum Contractions {
    NONE,
    /** Before words, in lower case. */
    LOWER_CASE,
    /** Before words, in any case. */
    ANY_CASE,
    /** At the end of a word, in any case. */
    AFTER_WORD
  }

  enum Words {
    /** {@code \p{L}+}. */
    LETTERS,
    /** {@code ?\p{L}+}: with a space before them. */
    SPACE_AND_LETTERS,
    /** {@code [^\r\n\p{L}\p{N}]?\p{L}+}: with any character before them. */
    PREFIX_AND_LETTERS,
    /** {@code [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+}. */
    PREFIX_AND_MARKED_LETTERS,
    /** With any character before them, and split before a capital letter. */
    CAPITALIZED
  }

  enum Numbers {
    /** {@code \p{N}}. */
    SINGLE,
    /** {@code \p{N}{1,3}}. */
    UP_TO_THREE,
    /** {@code ?\p{N}+}. */
    SPACE_AND_ANY
  }

  enum Others {
    /** {@code [^\s\p{L}\p{N}]+}. */
    PLAIN,
    /** {@code ?[^\s\p{L}\p{N}]+}. */
    SPACE,
    /** {@code ?[^\s\p{L}\p{N}]+[\r\n]*}. */
    SPACE_AND_NEWLINES,
    /** {@code ?[^\s\p{L}\p{N}]+[\r\n/]*}. */
    SPACE_AND_NEWLINES_OR_SLASHES,
    /** {@code ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*}. */
    SPACE_AND_NEWLINES_NO_MARKS
  }

  enum Spaces {
    NONE,
    /** {@code \s+(?!\S)|\s+}: all but the last. */
    ALL_BUT_LAST,
    /** {@code \s*[\r\n]+} first. */
    NEWLINES_THEN_ALL_BUT_LAST
  }

  private final Contractions contractions;
  private final Words words;
  private final Numbers numbers;
  private final Others others;
  private final Spaces spaces;

  WordScanner(
      Contractions contractions, Words words, Numbers numbers, Others others, Spaces spaces) {
    this.contractions = contractions;
    this.words = words;
    this.numbers = numbers;
    this.others = others;
    this.spaces = spaces;
  }

  @Override
  int match(Text text, int at, int to) {
    int c = text.charAt(at);
    if (c == '\'') {
      int end = contractionBefore(text, at, to);
      if (end > 0) {
        return end;
      }
    }
    int end = word(text, at, to);
    if (end > 0) {
      return end;
    }
    end = number(text, at, to);
    if (end > 0) {
      return end;
    }
    end = other(text, at, to);
    if (end > 0) {
      return end;
    }
    return spaces == Spaces.NONE ? -1 : space(text, at, to);
  }

  private int contractionBefore(Text text, int at, int to) {
    return switch (contractions) {
      case LOWER_CASE -> contraction(text, at, to, false);
      case ANY_CASE -> contraction(text, at, to, true);
      case NONE, AFTER_WORD -> -1;
    };
  }

  private static int contraction(Text text, int at, int to, boolean anyCase) {
    if (at + 1 >= to || text.charAt(at) != '\'') {
      return -1;
    }
    char first = fold(text.charAt(at + 1), anyCase);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
      return at + 2;
    }
    if (at + 2 >= to) {
      return -1;
    }
    char second = fold(text.charAt(at + 2), anyCase);
    boolean matches =
        (first == 'r' || first == 'v') && second == 'e' || first == 'l' && second == 'l';
    return matches ? at + 3 : -1;
  }

  private static char fold(char c, boolean anyCase) {
    if (!anyCase) {
      return c;
    }
    // The long s is the only other character that folds to one of these letters.
    return c == '\u017F' ? 's' : c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
  }

  private int word(Text text, int at, int to) {
    return switch (words) {
      case LETTERS -> positive(run(text, at, to, LETTER), at);
      case SPACE_AND_LETTERS -> spaced(text, at, to, LETTER);
      case PREFIX_AND_LETTERS -> prefixed(text, at, to, LETTER);
      case PREFIX_AND_MARKED_LETTERS -> prefixed(text, at, to, LETTER | MARK);
      case CAPITALIZED -> capitalized(text, at, to);
    };
  }

  private static int positive(int end, int at) {
    return end > at ? end : -1;
  }

  /** The end of the longest run of characters of a class. */
  private static int run(Text text, int at, int to, int classes) {
    int i = at;
    while (i < to) {
      int c = text.codePointAt(i);
      if ((CharClass.of(c) & classes) == 0) {
        break;
      }
      i += Character.charCount(c);
    }
    return i;
  }

  private static int spaced(Text text, int at, int to, int classes) {
    int start = text.charAt(at) == ' ' ? at + 1 : at;
    return positive(run(text, start, to, classes), start);
  }

  private static int prefixEnd(Text text, int at) {
    int c = text.codePointAt(at);
    boolean prefix = c != '\r' && c != '\n' && (CharClass.of(c) & (LETTER | NUMBER)) == 0;
    return prefix ? at + Character.charCount(c) : at;
  }

  private static int prefixed(Text text, int at, int to, int classes) {
    int start = prefixEnd(text, at);
    int end = positive(run(text, start, to, classes), start);
    return end < 0 && start > at ? positive(run(text, at, to, classes), at) : end;
  }

  /**
   * {@code P?U*L+} or else {@code P?U+L*}, where P is {@code [^\r\n\p{L}\p{N}]}, and U and L are
   * upper and lower case with the letters that have no case in both.
   */
  private int capitalized(Text text, int at, int to) {
    int start = prefixEnd(text, at);
    int end = upperThenLower(text, start, to);
    if (end < 0 && start > at) {
      end = upperThenLower(text, at, to);
    }
    if (end < 0) {
      end = positive(run(text, start, to, UPPER), start);
    }
    if (end < 0 && start > at) {
      end = positive(run(text, at, to, UPPER), at);
    }
    if (end > 0 && contractions == Contractions.AFTER_WORD) {
      return Math.max(end, contraction(text, end, to, true));
    }
    return end;
  }

  private static int upperThenLower(Text text, int at, int to) {
    int i = at;
    int afterLastLower = -1;
    while (i < to) {
      int c = text.codePointAt(i);
      int classes = CharClass.of(c);
      if ((classes & UPPER) == 0) {
        break;
      }
      i += Character.charCount(c);
      if ((classes & LOWER) != 0) {
        afterLastLower = i;
      }
    }
    int end = run(text, i, to, LOWER);
    // Without a lower-case letter after them, the last character that may be one ends the word.
    return end > i ? end : afterLastLower;
  }

  private int number(Text text, int at, int to) {
    switch (numbers) {
      case SPACE_AND_ANY:
        return spaced(text, at, to, NUMBER);
      default:
        int most = numbers == Numbers.SINGLE ? 1 : 3;
        int i = at;
        for (int n = 0; n < most && i < to; n++) {
          int c = text.codePointAt(i);
          if ((CharClass.of(c) & NUMBER) == 0) {
            break;
          }
          i += Character.charCount(c);
        }
        return positive(i, at);
    }
  }

  private int other(Text text, int at, int to) {
    int start = others != Others.PLAIN && text.charAt(at) == ' ' ? at + 1 : at;
    int excluded =
        SPACE | LETTER | NUMBER | (others == Others.SPACE_AND_NEWLINES_NO_MARKS ? MARK : 0);
    int i = start;
    while (i < to) {
      int c = text.codePointAt(i);
      if ((CharClass.of(c) & excluded) != 0) {
        break;
      }
      i += Character.charCount(c);
    }
    if (i == start) {
      return -1;
    }
    if (others != Others.PLAIN && others != Others.SPACE) {
      boolean slashes = others == Others.SPACE_AND_NEWLINES_OR_SLASHES;
      while (i < to && (isNewline(text.charAt(i)) || slashes && text.charAt(i) == '/')) {
        i++;
      }
    }
    return i;
  }

  private static boolean isNewline(char c) {
    return c == '\r' || c == '\n';
  }

  /** White space: up to the last line end, or all but the last character before a word. */
  private int space(Text text, int at, int to) {
    int i = at;
    int afterNewline = -1;
    while (i < to && (CharClass.of(text.charAt(i)) & SPACE) != 0) {
      if (isNewline(text.charAt(i++))) {
        afterNewline = i;
      }
    }
    if (i == at) {
      return -1;
    }
    if (spaces == Spaces.NEWLINES_THEN_ALL_BUT_LAST && afterNewline > 0) {
      return afterNewline;
    }
    return i == to || i == at + 1 ? i : i - 1;
  }
}
