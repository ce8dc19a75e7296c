package dev.panaformer.tokenizer.normalize;

import dev.panaformer.tokenizer.text.ByteAlphabet;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;

/** Replaces each byte of a text in UTF-8 by a printable char. */
record ByteLevelNormalizer() implements Normalizer {
  @Override
  public void normalize(Draft draft) {
    Text text = draft.text();
    ByteAlphabet.append(text, 0, text.length(), draft.begin());
    draft.commit();
  }
}
