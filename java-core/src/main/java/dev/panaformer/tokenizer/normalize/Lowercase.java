package dev.panaformer.tokenizer.normalize;

import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;

/** Maps each code point to lower case, without regard to its neighbours or to a language. */
record Lowercase() implements Normalizer {
  @Override
  public void normalize(Draft draft) {
    Text text = draft.text();
    int i = 0;
    for (; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        break;
      }
      if (c >= 'A' && c <= 'Z') {
        text.set(i, (char) (c + 32));
      }
    }
    if (i < text.length()) {
      rewrite(draft, i);
    }
  }

  private static void rewrite(Draft draft, int ascii) {
    Text text = draft.text();
    Text lower = draft.begin();
    lower.append(text, 0, ascii);
    for (int i = ascii; i < text.length(); ) {
      int c = text.codePointAt(i);
      if (c == Chars.DOTTED_I) {
        lower.append(Chars.LOWERCASE_DOTTED_I, text, i);
      } else {
        lower.appendCodePoint(Chars.toLowerCase(c), text, i);
      }
      i += Character.charCount(c);
    }
    draft.commit();
  }
}
