package dev.panaformer.tokenizer.pattern;

import dev.panaformer.tokenizer.text.Text;

/** A pattern that is written in Java. Its matches are not empty. */
public abstract non-sealed class Scanner implements TextPattern {
  /**
   * The end of the match that starts at an index.
   *
   * @return -1 if there is none
   */
  abstract int match(Text text, int at, int to);

  @Override
  public final void find(Text text, int from, int to, Parts parts) {
    int done = from;
    int i = from;
    while (i < to) {
      int end = match(text, i, to);
      if (end < 0) {
        i += Character.charCount(text.codePointAt(i));
      } else {
        parts.match(done, i, end);
        done = i = end;
      }
    }
    parts.rest(done, to);
  }

  @Override
  public final boolean isLocal() {
    return true;
  }
}
