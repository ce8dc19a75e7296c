package dev.panaformer.tokenizer.split;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.text.Text;

/**
 * Replaces spaces by a visible character, puts it before pieces that do not begin with it, and
 * splits before each of them.
 */
record Metaspace(String replacement, Prepend prepend, boolean splits) implements PreTokenizer {
  /** Which pieces get the replacement before them. */
  enum Prepend {
    ALWAYS,
    /** Only a piece at the beginning of the original text. */
    FIRST,
    NEVER
  }

  static Metaspace read(ConfigJson json) {
    return new Metaspace(
        character(json, "replacement"), prepend(json), json.optionalBoolean("split", true));
  }

  private static String character(ConfigJson json, String field) {
    String character = json.requireString(field);
    if (character.codePointCount(0, character.length()) != 1) {
      throw json.wrong(field, "one character");
    }
    return character;
  }

  private static Prepend prepend(ConfigJson json) {
    boolean prefix = json.optionalBoolean("add_prefix_space", true);
    String scheme = json.optionalString("prepend_scheme", prefix ? "always" : "never");
    if (!prefix && !scheme.equals("never")) {
      throw json.wrong("prepend_scheme", "never, as add_prefix_space is false");
    }
    return switch (scheme) {
      case "always" -> Prepend.ALWAYS;
      case "first" -> Prepend.FIRST;
      case "never" -> Prepend.NEVER;
      default -> throw json.wrong("prepend_scheme", "always, first or never");
    };
  }

  @Override
  public void split(Pieces pieces) {
    Text text = pieces.text();
    Text marked = pieces.rewrite();
    for (int piece = 0; piece < pieces.count(); piece++) {
      int start = marked.length();
      int from = pieces.start(piece);
      int to = pieces.end(piece);
      if (prepends(text, from)) {
        marked.append(replacement, text, from);
      }
      for (int i = from; i < to; i++) {
        char c = text.charAt(i);
        if (c == ' ') {
          marked.append(replacement, text, i);
        } else {
          marked.append(c, text, i);
        }
      }
      addPieces(marked, start, pieces);
    }
    pieces.commitRewrite();
  }

  private boolean prepends(Text text, int from) {
    if (prepend == Prepend.NEVER || text.charAt(from) == ' ' || startsHere(text, from)) {
      return false;
    }
    return prepend == Prepend.ALWAYS || text.start(from) == 0;
  }

  private boolean startsHere(Text text, int at) {
    for (int i = 0; i < replacement.length(); i++) {
      if (at + i >= text.length() || text.charAt(at + i) != replacement.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /** Each replacement begins a piece, except where another one follows it directly. */
  private void addPieces(Text marked, int start, Pieces pieces) {
    int end = marked.length();
    if (splits) {
      for (int i = start + 1; i < end; i++) {
        if (startsHere(marked, i)) {
          pieces.add(start, i);
          start = i;
        }
      }
    }
    pieces.add(start, end);
  }

  @Override
  public boolean needsAlignment() {
    return prepend == Prepend.FIRST;
  }
}
