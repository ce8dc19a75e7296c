package dev.panaformer.tokenizer.split;

import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.text.Text;
import java.util.function.IntPredicate;

/** Splits at single characters of a class. */
final class CharacterSplit {
  private CharacterSplit() {}

  static void apply(Pieces pieces, IntPredicate delimiter, Behavior behavior) {
    Text text = pieces.text();
    pieces.begin();
    for (int piece = 0; piece < pieces.count(); piece++) {
      split(text, pieces.start(piece), pieces.end(piece), delimiter, behavior, pieces);
    }
    pieces.commit();
  }

  private static void split(
      Text text, int from, int to, IntPredicate delimiter, Behavior behavior, Pieces pieces) {
    int start = from;
    boolean previous = false;
    for (int i = from; i < to; ) {
      int c = text.codePointAt(i);
      int end = i + Character.charCount(c);
      boolean match = delimiter.test(c);
      switch (behavior) {
        case REMOVED -> {
          if (match) {
            pieces.add(start, i);
            start = end;
          }
        }
        case ISOLATED -> {
          if (match) {
            pieces.add(start, i);
            pieces.add(i, end);
            start = end;
          }
        }
        case CONTIGUOUS -> {
          if (match != previous) {
            pieces.add(start, i);
            start = i;
          }
        }
        case MERGED_WITH_PREVIOUS -> {
          if (match) {
            pieces.add(start, end);
            start = end;
          }
        }
        case MERGED_WITH_NEXT -> {
          if (match) {
            pieces.add(start, i);
            start = i;
          }
        }
      }
      previous = match;
      i = end;
    }
    pieces.add(start, to);
  }
}
