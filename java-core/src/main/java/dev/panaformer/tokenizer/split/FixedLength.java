package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.text.Text;

/** Splits into pieces of the same number of characters. */
record FixedLength(int length) implements PreTokenizer {
  static FixedLength read(ConfigJson json) {
    return new FixedLength(json.optionalInt("length", 5, 1, Integer.MAX_VALUE));
  }

  @Override
  public void split(Pieces pieces) {
    Text text = pieces.text();
    pieces.begin();
    for (int piece = 0; piece < pieces.count(); piece++) {
      int start = pieces.start(piece);
      int count = 0;
      int i = start;
      while (i < pieces.end(piece)) {
        i += Character.charCount(text.codePointAt(i));
        if (++count == length) {
          pieces.add(start, i);
          start = i;
          count = 0;
        }
      }
      pieces.add(start, i);
    }
    pieces.commit();
  }
}
