package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.pattern.Parts;
import dev.panaformer.tokenizer.text.Pieces;

/** What becomes of the delimiters that a text is split at. */
enum Behavior {
  /** They are dropped. */
  REMOVED("Removed"),
  /** Each is a piece. */
  ISOLATED("Isolated"),
  /** Each ends the piece before it. */
  MERGED_WITH_PREVIOUS("MergedWithPrevious"),
  /** Each begins the piece after it. */
  MERGED_WITH_NEXT("MergedWithNext"),
  /** Those that follow one another are a piece together. */
  CONTIGUOUS("Contiguous");

  private final String name;

  Behavior(String name) {
    this.name = name;
  }

  static Behavior read(ConfigJson json, String field) {
    String name = json.requireString(field);
    for (Behavior behavior : values()) {
      if (behavior.name.equals(name)) {
        return behavior;
      }
    }
    throw json.wrong(field, "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
  }

  /**
   * Adds the pieces that parts become.
   *
   * @param invert whether the parts between the matches are the delimiters
   */
  void add(Parts parts, boolean invert, Pieces pieces) {
    switch (this) {
      case REMOVED -> {
        for (int i = 0; i < parts.count(); i++) {
          if (parts.isMatch(i) == invert) {
            pieces.add(parts.start(i), parts.end(i));
          }
        }
      }
      case ISOLATED -> {
        for (int i = 0; i < parts.count(); i++) {
          pieces.add(parts.start(i), parts.end(i));
        }
      }
      case MERGED_WITH_NEXT -> addMergedWithNext(parts, invert, pieces);
      case CONTIGUOUS, MERGED_WITH_PREVIOUS -> addMergedWithPrevious(parts, invert, pieces);
    }
  }

  private void addMergedWithPrevious(Parts parts, boolean invert, Pieces pieces) {
    boolean previous = false;
    int start = -1;
    int end = -1;
    for (int i = 0; i < parts.count(); i++) {
      boolean match = parts.isMatch(i) != invert;
      boolean merges = this == CONTIGUOUS ? match == previous : match && !previous;
      if (start < 0 || !merges) {
        pieces.add(start, end);
        start = parts.start(i);
      }
      end = parts.end(i);
      previous = match;
    }
    pieces.add(start, end);
  }

  /** A delimiter merges with what follows it, unless that is a delimiter too. */
  private static void addMergedWithNext(Parts parts, boolean invert, Pieces pieces) {
    for (int i = 0; i < parts.count(); i++) {
      boolean match = parts.isMatch(i) != invert;
      int last = i;
      if (match && i + 1 < parts.count() && parts.isMatch(i + 1) == invert) {
        last = i + 1;
      }
      pieces.add(parts.start(i), parts.end(last));
      i = last;
    }
  }
}
