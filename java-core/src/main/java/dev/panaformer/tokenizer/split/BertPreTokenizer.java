package dev.panaformer.tokenizer.split;

import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.text.Text;

/** Splits at white space, which is removed, and makes each punctuation character a piece. */
record BertPreTokenizer() implements PreTokenizer {
  @Override
  public void split(Pieces pieces) {
    Text text = pieces.text();
    pieces.begin();
    for (int piece = 0; piece < pieces.count(); piece++) {
      int end = pieces.end(piece);
      int word = pieces.start(piece);
      int i = word;
      while (i < end) {
        int c = text.charAt(i);
        int width = 1;
        if (Character.isHighSurrogate((char) c)) {
          c = text.codePointAt(i);
          width = Character.charCount(c);
        }
        if (Chars.isWhitespace(c)) {
          pieces.add(word, i);
          word = i + width;
        } else if (Chars.isPunctuation(c)) {
          pieces.add(word, i);
          pieces.add(i, i + width);
          word = i + width;
        }
        i += width;
      }
      pieces.add(word, end);
    }
    pieces.commit();
  }
}
