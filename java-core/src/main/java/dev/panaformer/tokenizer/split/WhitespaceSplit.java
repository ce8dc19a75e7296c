package dev.panaformer.tokenizer.split;

import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Pieces;

/** Splits at white space, which is removed. */
record WhitespaceSplit() implements PreTokenizer {
  @Override
  public void split(Pieces pieces) {
    CharacterSplit.apply(pieces, Chars::isWhitespace, Behavior.REMOVED);
  }
}
