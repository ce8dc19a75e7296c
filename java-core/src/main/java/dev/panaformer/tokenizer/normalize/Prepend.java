package dev.panaformer.tokenizer.normalize;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;

/** Puts a string before a text that is not empty. */
record Prepend(String prefix) implements Normalizer {
  static Prepend read(ConfigJson json) {
    return new Prepend(json.requireString("prepend"));
  }

  @Override
  public void normalize(Draft draft) {
    Text text = draft.text();
    if (text.length() > 0 && !prefix.isEmpty()) {
      Text next = draft.begin();
      next.append(prefix, text, 0);
      next.append(text, 0, text.length());
      draft.commit();
    }
  }
}
