package dev.panaformer.tokenizer.split;

import dev.panaformer.tokenizer.text.Pieces;
import dev.panaformer.tokenizer.text.Text;
import java.lang.Character.UnicodeScript;

/**
 * Splits where the script changes, by the Unicode version of the JDK. Japanese kana count as
 * Chinese. Spaces, and characters without a script, belong to any script; before the first
 * character that has one they are dropped, as in the reference.
 */
record UnicodeScripts() implements PreTokenizer {
  private static final int PROLONGED_SOUND_MARK = 0x30FC;

  @Override
  public void split(Pieces pieces) {
    Text text = pieces.text();
    pieces.begin();
    for (int piece = 0; piece < pieces.count(); piece++) {
      int start = -1;
      UnicodeScript last = null;
      for (int i = pieces.start(piece); i < pieces.end(piece); ) {
        int c = text.codePointAt(i);
        UnicodeScript script = script(c);
        if (script != UnicodeScript.UNKNOWN && script != last) {
          if (start >= 0) {
            pieces.add(start, i);
          }
          start = i;
          last = script;
        }
        i += Character.charCount(c);
      }
      if (start >= 0) {
        pieces.add(start, pieces.end(piece));
      }
    }
    pieces.commit();
  }

  private static UnicodeScript script(int c) {
    if (c == ' ') {
      return UnicodeScript.UNKNOWN;
    }
    if (c == PROLONGED_SOUND_MARK) {
      return UnicodeScript.HAN;
    }
    UnicodeScript script = UnicodeScript.of(c);
    return script == UnicodeScript.HIRAGANA || script == UnicodeScript.KATAKANA
        ? UnicodeScript.HAN
        : script;
  }
}
