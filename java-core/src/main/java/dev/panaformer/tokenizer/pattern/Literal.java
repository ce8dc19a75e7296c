package dev.panaformer.tokenizer.pattern;

import dev.panaformer.tokenizer.text.Text;

/** Matches a string. */
public record Literal(String string) implements TextPattern {
  @Override
  public void find(Text text, int from, int to, Parts parts) {
    char[] chars = text.array();
    int length = string.length();
    if (length == 0) {
      findBetweenCodePoints(text, from, to, parts);
      return;
    }
    char first = string.charAt(0);
    int done = from;
    int i = from;
    while (i <= to - length) {
      if (chars[i] == first && matches(chars, i)) {
        parts.match(done, i, i + length);
        done = i += length;
      } else {
        i++;
      }
    }
    parts.rest(done, to);
  }

  /** An empty string matches before every code point and at the end. */
  private static void findBetweenCodePoints(Text text, int from, int to, Parts parts) {
    int done = from;
    for (int i = from; i < to; i += Character.charCount(text.codePointAt(i))) {
      parts.match(done, i, i);
      done = i;
    }
    if (from < to) {
      parts.match(done, to, to);
    }
  }

  private boolean matches(char[] chars, int at) {
    for (int i = 1; i < string.length(); i++) {
      if (chars[at + i] != string.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean isLocal() {
    return true;
  }
}
