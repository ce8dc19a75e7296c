package dev.panaformer.tokenizer.normalize;

import dev.panaformer.tokenizer.text.Changes;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;
import java.text.Normalizer.Form;

/** Unicode's normal forms, by the Unicode version of the JDK (UAX 15). */
enum NormalForm implements Normalizer {
  NFC(Form.NFC, Form.NFD, true),
  NFD(Form.NFD, Form.NFD, false),
  NFKC(Form.NFKC, Form.NFKD, true),
  NFKD(Form.NFKD, Form.NFKD, false);

  /** Code points below this one never combine with the one before them. */
  private static final int FIRST_COMBINING = 0x300;

  private static final int FIRST_NOT_ASCII = 0x80;

  private final Form form;
  private final Form decomposition;
  private final boolean composes;

  NormalForm(Form form, Form decomposition, boolean composes) {
    this.form = form;
    this.decomposition = decomposition;
    this.composes = composes;
  }

  @Override
  public void normalize(Draft draft) {
    Text text = draft.text();
    if (text.isAscii()) {
      return;
    }
    Text next = draft.begin();
    if (text.isAligned()) {
      align(text, next);
    } else {
      normalizeRuns(text, next);
    }
    draft.commit();
  }

  /**
   * Normalizes each run of characters that are not ASCII, with the one before it, which they may
   * combine with. No character combines with an ASCII character that follows it.
   */
  private void normalizeRuns(Text text, Text next) {
    int done = 0;
    int i = 0;
    while (i < text.length()) {
      if (text.charAt(i) < FIRST_NOT_ASCII) {
        i++;
        continue;
      }
      int start = Math.max(done, i - 1);
      while (i < text.length() && text.charAt(i) >= FIRST_NOT_ASCII) {
        i++;
      }
      next.append(text, done, start);
      String run = text.substring(start, i);
      if (java.text.Normalizer.isNormalized(run, form)) {
        next.append(text, start, i);
      } else {
        next.append(java.text.Normalizer.normalize(run, form));
      }
      done = i;
    }
    next.append(text, done, text.length());
  }

  /** Normalizes segment by segment, where characters of different segments do not interact. */
  private void align(Text text, Text next) {
    Changes changes = new Changes(text, next);
    int start = 0;
    while (start < text.length()) {
      int end = segmentEnd(text, start);
      String segment = text.substring(start, end);
      if (java.text.Normalizer.isNormalized(segment, form)) {
        segment.codePoints().forEach(c -> changes.emit(c, 0));
      } else {
        Decomposition parts = Decomposition.of(segment, decomposition);
        if (composes) {
          parts.compose();
        }
        parts.emit(changes);
      }
      start = end;
    }
  }

  private static int segmentEnd(Text text, int start) {
    int end = start + Character.charCount(text.codePointAt(start));
    while (end < text.length()) {
      char before = text.charAt(end - 1);
      char after = text.charAt(end);
      if (after < FIRST_COMBINING || Chars.isSafeCut(before, after)) {
        break;
      }
      end += Character.charCount(text.codePointAt(end));
    }
    return end;
  }
}
