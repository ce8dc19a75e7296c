package dev.panaformer.tokenizer.normalize;

import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Draft;

/** Removes all combining marks. */
record StripAccents() implements Normalizer {
  @Override
  public void normalize(Draft draft) {
    Filter.apply(draft, Chars::isMark);
  }
}
