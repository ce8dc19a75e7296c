package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.pattern.Parts;
import dev.panaformer.tokenizer.pattern.PublishedPatterns;
import dev.panaformer.tokenizer.text.ByteAlphabet;
import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.text.Text;

/**
 * Splits as GPT-2 does, and replaces each byte of the text in UTF-8 by a printable char.
 *
 * @param addPrefixSpace whether a piece that does not begin with a space gets one
 * @param splits whether the text is split at all
 */
record ByteLevel(boolean addPrefixSpace, boolean splits) implements PreTokenizer {
  static ByteLevel read(ConfigJson json) {
    return new ByteLevel(
        json.optionalBoolean("add_prefix_space", true), json.optionalBoolean("use_regex", true));
  }

  @Override
  public void split(Pieces pieces) {
    if (addPrefixSpace) {
      prependSpaces(pieces);
    }
    if (splits) {
      splitWords(pieces);
    }
    Text text = pieces.text();
    Text bytes = pieces.rewrite();
    for (int piece = 0; piece < pieces.count(); piece++) {
      int start = bytes.length();
      ByteAlphabet.append(text, pieces.start(piece), pieces.end(piece), bytes);
      pieces.add(start, bytes.length());
    }
    pieces.commitRewrite();
  }

  private static void prependSpaces(Pieces pieces) {
    Text text = pieces.text();
    Text spaced = pieces.rewrite();
    for (int piece = 0; piece < pieces.count(); piece++) {
      int start = spaced.length();
      int from = pieces.start(piece);
      if (text.charAt(from) != ' ') {
        spaced.append(' ', text, from);
      }
      spaced.append(text, from, pieces.end(piece));
      pieces.add(start, spaced.length());
    }
    pieces.commitRewrite();
  }

  private static void splitWords(Pieces pieces) {
    Parts parts = new Parts();
    pieces.begin();
    for (int piece = 0; piece < pieces.count(); piece++) {
      parts.clear();
      PublishedPatterns.GPT2.find(pieces.text(), pieces.start(piece), pieces.end(piece), parts);
      Behavior.ISOLATED.add(parts, false, pieces);
    }
    pieces.commit();
  }
}
