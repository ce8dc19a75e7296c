package dev.panaformer.tokenizer.pattern;

import static dev.panaformer.tokenizer.pattern.CharClass.LETTER;
import static dev.panaformer.tokenizer.pattern.CharClass.MARK;
import static dev.panaformer.tokenizer.pattern.CharClass.PUNCTUATION_OR_SYMBOL;
import static dev.panaformer.tokenizer.pattern.CharClass.SPACE;

import dev.panaformer.tokenizer.text.Text;

/**
 * The last pattern of DeepSeek-V3, whose text has been split at numbers and Chinese characters
 * before: ASCII punctuation with a word after it, words, punctuation, white space.
 */
final class DeepSeekScanner extends Scanner {
  @Override
  int match(Text text, int at, int to) {
    int c = text.codePointAt(at);
    int next = at + Character.charCount(c);
    int classes = CharClass.of(c);
    if (isAsciiPunctuation(c)) {
      int end = next;
      while (end < to && isAsciiLetter(text.charAt(end))) {
        end++;
      }
      if (end > next) {
        return end;
      }
    }
    boolean prefix = c != '\r' && c != '\n' && (classes & (LETTER | PUNCTUATION_OR_SYMBOL)) == 0;
    if (prefix) {
      int end = run(text, next, to, LETTER | MARK);
      if (end > next) {
        return end;
      }
    }
    int end = run(text, at, to, LETTER | MARK);
    if (end > at) {
      return end;
    }
    int start = c == ' ' ? at + 1 : at;
    end = run(text, start, to, PUNCTUATION_OR_SYMBOL);
    if (end > start) {
      while (end < to && isNewline(text.charAt(end))) {
        end++;
      }
      return end;
    }
    return space(text, at, to);
  }

  private static boolean isAsciiPunctuation(int c) {
    return c > ' ' && c < 0x7F && !isAsciiLetter(c) && !(c >= '0' && c <= '9');
  }

  private static boolean isAsciiLetter(int c) {
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'z';
  }

  private static boolean isNewline(char c) {
    return c == '\r' || c == '\n';
  }

  private static int run(Text text, int at, int to, int wanted) {
    int i = at;
    while (i < to) {
      int c = text.codePointAt(i);
      if ((CharClass.of(c) & wanted) == 0) {
        break;
      }
      i += Character.charCount(c);
    }
    return i;
  }

  private static int space(Text text, int at, int to) {
    int end = run(text, at, to, SPACE);
    if (end == at) {
      return -1;
    }
    for (int i = end; i > at; i--) {
      if (isNewline(text.charAt(i - 1))) {
        return i;
      }
    }
    return end == to || end == at + 1 ? end : end - 1;
  }
}
