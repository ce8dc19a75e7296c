package dev.panaformer.tokenizer.normalize;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;

/**
 * BERT's normalizer: removes control characters and makes white space spaces, puts spaces around
 * Chinese characters, removes accents, maps to lower case. A field decides about each step.
 */
record BertNormalizer(
    boolean cleanText, boolean spacesAroundChinese, boolean stripAccents, boolean lowercase)
    implements Normalizer {
  private static final Lowercase LOWERCASE = new Lowercase();

  static BertNormalizer read(ConfigJson json) {
    boolean lowercase = json.optionalBoolean("lowercase", true);
    return new BertNormalizer(
        json.optionalBoolean("clean_text", true),
        json.optionalBoolean("handle_chinese_chars", true),
        // Without the field, accents go where capitals go.
        json.optionalBoolean("strip_accents", lowercase),
        lowercase);
  }

  @Override
  public void normalize(Draft draft) {
    if (cleanText) {
      clean(draft);
    }
    if (!draft.text().isAscii()) {
      if (spacesAroundChinese) {
        spaceOutChinese(draft);
      }
      if (stripAccents) {
        NormalForm.NFD.normalize(draft);
        Filter.apply(draft, Chars::isNonSpacingMark);
      }
    }
    if (lowercase) {
      LOWERCASE.normalize(draft);
    }
  }

  private static void clean(Draft draft) {
    Filter.apply(draft, BertNormalizer::isRemoved);
    Text text = draft.text();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c != ' ' && Chars.isWhitespace(c)) {
        text.set(i, ' ');
      }
    }
  }

  private static boolean isRemoved(int c) {
    if (c >= ' ' && c < 0x7F || c == '\t' || c == '\n' || c == '\r') {
      return false;
    }
    return c == 0xFFFD || Chars.isOther(c);
  }

  private static void spaceOutChinese(Draft draft) {
    Text text = draft.text();
    Text spaced = draft.begin();
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      if (isChinese(c)) {
        spaced.append(' ', text, i);
        spaced.appendCodePoint(c, text, i);
        spaced.append(' ', text, i);
      } else {
        spaced.appendCodePoint(c, text, i);
      }
      i += Character.charCount(c);
    }
    draft.commit();
  }

  private static boolean isChinese(int c) {
    return c >= 0x3400
        && (c >= 0x4E00 && c <= 0x9FFF
            || c <= 0x4DBF
            || c >= 0x20000 && c <= 0x2A6DF
            || c >= 0x2A700 && c <= 0x2B73F
            || c >= 0x2B740 && c <= 0x2B81F
            || c >= 0x2B920 && c <= 0x2CEAF
            || c >= 0xF900 && c <= 0xFAFF
            || c >= 0x2F800 && c <= 0x2FA1F);
  }
}
