package dev.panaformer.tokenizer.normalize;

import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;
import java.util.function.IntPredicate;

/** Removes code points. */
final class Filter {
  private Filter() {}

  static void apply(Draft draft, IntPredicate removed) {
    Text text = draft.text();
    int first = 0;
    while (first < text.length()) {
      int c = text.codePointAt(first);
      if (removed.test(c)) {
        break;
      }
      first += Character.charCount(c);
    }
    if (first == text.length()) {
      return;
    }
    Text kept = draft.begin();
    kept.append(text, 0, first);
    for (int i = first; i < text.length(); ) {
      int c = text.codePointAt(i);
      if (!removed.test(c)) {
        kept.appendCodePoint(c, text, i);
      }
      i += Character.charCount(c);
    }
    draft.commit();
  }
}
