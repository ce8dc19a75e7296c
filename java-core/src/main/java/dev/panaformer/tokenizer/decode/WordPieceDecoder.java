package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.ArrayList;
import java.util.List;

/** Joins words to the tokens that continue them, and puts spaces between words. */
record WordPieceDecoder(String prefix, boolean cleanup) implements Decoder {
  static WordPieceDecoder read(ConfigJson json) {
    return new WordPieceDecoder(
        json.optionalString("prefix", "##"), json.optionalBoolean("cleanup", true));
  }

  @Override
  public List<String> decode(List<String> tokens) {
    List<String> parts = new ArrayList<>(tokens.size());
    for (int i = 0; i < tokens.size(); i++) {
      String part = tokens.get(i);
      if (i > 0) {
        part = part.startsWith(prefix) ? part.substring(prefix.length()) : " " + part;
      }
      parts.add(cleanup ? cleanup(part) : part);
    }
    return parts;
  }

  /** Removes the spaces that splitting puts before punctuation and into contractions. */
  static String cleanup(String text) {
    return text.replace(" .", ".")
        .replace(" ?", "?")
        .replace(" !", "!")
        .replace(" ,", ",")
        .replace(" ' ", "'")
        .replace(" n't", "n't")
        .replace(" 'm", "'m")
        .replace(" do not", " don't")
        .replace(" 's", "'s")
        .replace(" 've", "'ve")
        .replace(" 're", "'re");
  }
}
