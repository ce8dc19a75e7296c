package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.ArrayList;
import java.util.List;

/** Replaces the suffix of the last token of each word by a space. */
record BpeDecoder(String suffix) implements Decoder {
  static BpeDecoder read(ConfigJson json) {
    return new BpeDecoder(json.optionalString("suffix", "</w>"));
  }

  @Override
  public List<String> decode(List<String> tokens) {
    List<String> parts = new ArrayList<>(tokens.size());
    for (int i = 0; i < tokens.size(); i++) {
      parts.add(tokens.get(i).replace(suffix, i == tokens.size() - 1 ? "" : " "));
    }
    return parts;
  }
}
