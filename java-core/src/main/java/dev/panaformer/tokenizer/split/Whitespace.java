package dev.panaformer.tokenizer.split;

import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.text.Text;

/** Makes each run of word characters, and each run of others but white space, a piece. */
record Whitespace() implements PreTokenizer {
  private enum Kind {
    WORD,
    OTHER,
    SPACE
  }

  @Override
  public void split(Pieces pieces) {
    Text text = pieces.text();
    pieces.begin();
    for (int piece = 0; piece < pieces.count(); piece++) {
      int end = pieces.end(piece);
      int start = pieces.start(piece);
      Kind last = Kind.SPACE;
      for (int i = start; i < end; ) {
        int c = text.codePointAt(i);
        Kind kind = kind(c);
        if (kind != last) {
          if (last != Kind.SPACE) {
            pieces.add(start, i);
          }
          start = i;
          last = kind;
        }
        i += Character.charCount(c);
      }
      if (last != Kind.SPACE) {
        pieces.add(start, end);
      }
    }
    pieces.commit();
  }

  private static Kind kind(int c) {
    return Chars.isWord(c) ? Kind.WORD : Chars.isWhitespace(c) ? Kind.SPACE : Kind.OTHER;
  }
}
