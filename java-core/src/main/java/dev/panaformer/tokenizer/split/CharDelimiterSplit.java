package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Pieces;

/** Splits at a character, which is removed. */
record CharDelimiterSplit(int delimiter) implements PreTokenizer {
  static CharDelimiterSplit read(ConfigJson json) {
    String delimiter = json.requireString("delimiter");
    if (delimiter.codePointCount(0, delimiter.length()) != 1) {
      throw json.wrong("delimiter", "one character");
    }
    return new CharDelimiterSplit(delimiter.codePointAt(0));
  }

  @Override
  public void split(Pieces pieces) {
    CharacterSplit.apply(pieces, c -> c == delimiter, Behavior.REMOVED);
  }
}
