package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.pattern.Parts;
import dev.panaformer.tokenizer.pattern.TextPattern;
import dev.panaformer.tokenizer.text.Pieces;

/** Splits at the matches of a pattern, or at what lies between them. */
record Split(TextPattern pattern, Behavior behavior, boolean invert) implements PreTokenizer {
  static Split read(ConfigJson json) {
    return new Split(
        TextPattern.read(json),
        Behavior.read(json, "behavior"),
        json.optionalBoolean("invert", false));
  }

  @Override
  public void split(Pieces pieces) {
    Parts parts = new Parts();
    pieces.begin();
    for (int piece = 0; piece < pieces.count(); piece++) {
      parts.clear();
      pattern.find(pieces.text(), pieces.start(piece), pieces.end(piece), parts);
      behavior.add(parts, invert, pieces);
    }
    pieces.commit();
  }

  @Override
  public boolean isLocal() {
    return pattern.isLocal();
  }
}
