package dev.panaformer.tokenizer.text;

/**
 * Rewrites a text code point by code point, where each new code point says what it replaces. This
 * is how the reference aligns normal forms and character maps.
 */
public final class Changes {
  private final Text from;
  private final Text to;
  private int cursor;

  public Changes(Text from, Text to) {
    this.from = from;
    this.to = to;
  }

  /**
   * Appends a code point.
   *
   * @param change 0 if it replaces the next code point of the old text; 1 if it is inserted and
   *     comes from where the code point before it comes from; -n if it replaces the next code point
   *     and n more are removed
   */
  public void emit(int codePoint, int change) {
    boolean inserted = change > 0;
    if (from.length() == 0 || inserted && cursor == 0) {
      to.appendCodePoint(codePoint, 0, 0);
    } else {
      int index = Math.min(inserted ? cursor - 1 : cursor, from.length() - 1);
      to.appendCodePoint(codePoint, from, index);
    }
    if (!inserted) {
      for (int i = 0; i <= -change && cursor < from.length(); i++) {
        cursor += Character.charCount(from.codePointAt(cursor));
      }
    }
  }
}
