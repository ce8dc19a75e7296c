package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Pieces;

/** Splits at punctuation. */
record Punctuation(Behavior behavior) implements PreTokenizer {
  static Punctuation read(ConfigJson json) {
    return new Punctuation(
        json.has("behavior") ? Behavior.read(json, "behavior") : Behavior.ISOLATED);
  }

  @Override
  public void split(Pieces pieces) {
    CharacterSplit.apply(pieces, Chars::isPunctuation, behavior);
  }
}
