package dev.panaformer.tokenizer.normalize;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.pattern.Literal;
import dev.panaformer.tokenizer.pattern.Parts;
import dev.panaformer.tokenizer.pattern.TextPattern;
import dev.panaformer.tokenizer.text.Draft;
import dev.panaformer.tokenizer.text.Text;

/** Replaces every match of a pattern by a string. */
record Replace(TextPattern pattern, String content) implements Normalizer {
  static Replace read(ConfigJson json) {
    return new Replace(TextPattern.read(json), json.requireString("content"));
  }

  @Override
  public void normalize(Draft draft) {
    Text text = draft.text();
    if (text.length() == 0) {
      return;
    }
    if (pattern instanceof Literal literal
        && literal.string().length() == 1
        && content.length() == 1
        && !Character.isSurrogate(content.charAt(0))) {
      replaceChars(text, literal.string().charAt(0), content.charAt(0));
      return;
    }
    Parts parts = new Parts();
    pattern.find(text, 0, text.length(), parts);
    Text next = draft.begin();
    for (int i = 0; i < parts.count(); i++) {
      if (!parts.isMatch(i)) {
        next.append(text, parts.start(i), parts.end(i));
      } else if (parts.end(i) > 0) {
        // The content comes from the last char of the match, or the one before an empty match.
        next.append(content, text, parts.end(i) - 1);
      } else {
        content.codePoints().forEach(c -> next.appendCodePoint(c, 0, 0));
      }
    }
    draft.commit();
  }

  private static void replaceChars(Text text, char from, char to) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) == from) {
        text.set(i, to);
      }
    }
  }

  @Override
  public boolean isLocal() {
    return pattern.isLocal();
  }
}
