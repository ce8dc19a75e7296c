package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.pattern.Parts;
import dev.panaformer.tokenizer.pattern.TextPattern;
import dev.panaformer.tokenizer.text.Text;
import java.util.List;

/** Replaces every match of a pattern in each token. */
record ReplaceDecoder(TextPattern pattern, String content) implements Decoder {
  static ReplaceDecoder read(ConfigJson json) {
    return new ReplaceDecoder(TextPattern.read(json), json.requireString("content"));
  }

  @Override
  public List<String> decode(List<String> tokens) {
    Parts parts = new Parts();
    Text text = new Text();
    return tokens.stream().map(token -> replace(token, text, parts)).toList();
  }

  private String replace(String token, Text text, Parts parts) {
    text.clear(false);
    text.append(token);
    parts.clear();
    if (!token.isEmpty()) {
      pattern.find(text, 0, text.length(), parts);
    }
    StringBuilder replaced = new StringBuilder();
    for (int i = 0; i < parts.count(); i++) {
      if (parts.isMatch(i)) {
        replaced.append(content);
      } else {
        replaced.append(token, parts.start(i), parts.end(i));
      }
    }
    return replaced.toString();
  }
}
