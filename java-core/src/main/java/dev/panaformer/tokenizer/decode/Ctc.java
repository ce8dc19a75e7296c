package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.ArrayList;
import java.util.List;

/** Drops repeated tokens and padding, as connectionist temporal classification asks for. */
record Ctc(String padding, String wordDelimiter, boolean cleanup) implements Decoder {
  static Ctc read(ConfigJson json) {
    return new Ctc(
        json.optionalString("pad_token", "<pad>"),
        json.optionalString("word_delimiter_token", "|"),
        json.optionalBoolean("cleanup", true));
  }

  @Override
  public List<String> decode(List<String> tokens) {
    List<String> parts = new ArrayList<>();
    String last = null;
    for (String token : tokens) {
      if (token.equals(last)) {
        continue;
      }
      last = token;
      String part = token.replace(padding, "");
      if (cleanup) {
        part = WordPieceDecoder.cleanup(part).replace(wordDelimiter, " ");
      }
      if (!part.isEmpty()) {
        parts.add(part);
      }
    }
    return parts;
  }
}
