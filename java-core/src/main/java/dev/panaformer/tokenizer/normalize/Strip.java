package dev.panaformer.tokenizer.normalize;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;

/** Removes white space at the beginning or the end of a text. */
record Strip(boolean left, boolean right) implements Normalizer {
  static Strip read(ConfigJson json) {
    return new Strip(
        json.optionalBoolean("strip_left", false), json.optionalBoolean("strip_right", false));
  }

  @Override
  public void normalize(Draft draft) {
    Text text = draft.text();
    int from = 0;
    int to = text.length();
    while (left && from < to && Chars.isWhitespace(text.charAt(from))) {
      from++;
    }
    while (right && to > from && Chars.isWhitespace(text.charAt(to - 1))) {
      to--;
    }
    if (to - from < text.length()) {
      draft.begin().append(text, from, to);
      draft.commit();
    }
  }
}
