package dev.panaformer.tokenizer;

import java.nio.file.Path;

/** A tokenizer described by a {@code tokenizer.json}, run by Hugging Face's own library. */
final class TokenizerJson {
  private TokenizerJson() {}

  static Tokenizer load(Path folder) {
    throw new UnsupportedOperationException();
  }
}
