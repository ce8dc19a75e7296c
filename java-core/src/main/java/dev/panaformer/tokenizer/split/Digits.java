package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Pieces;

/** Makes each number, or each of its digits, a piece. */
record Digits(boolean individual) implements PreTokenizer {
  static Digits read(ConfigJson json) {
    return new Digits(json.optionalBoolean("individual_digits", false));
  }

  @Override
  public void split(Pieces pieces) {
    CharacterSplit.apply(
        pieces, Chars::isNumber, individual ? Behavior.ISOLATED : Behavior.CONTIGUOUS);
  }
}
