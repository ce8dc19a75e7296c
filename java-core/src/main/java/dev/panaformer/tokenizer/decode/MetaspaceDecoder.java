package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.ArrayList;
import java.util.List;

/** Replaces the sign for spaces by spaces; in the first token it is dropped if it was added. */
record MetaspaceDecoder(String replacement, boolean wasAdded) implements Decoder {
  static MetaspaceDecoder read(ConfigJson json) {
    String replacement = json.requireString("replacement");
    if (replacement.codePointCount(0, replacement.length()) != 1) {
      throw json.wrong("replacement", "one character");
    }
    boolean prefix = json.optionalBoolean("add_prefix_space", true);
    String scheme = json.optionalString("prepend_scheme", prefix ? "always" : "never");
    if (!List.of("always", "first", "never").contains(scheme)) {
      throw json.wrong("prepend_scheme", "always, first or never");
    }
    return new MetaspaceDecoder(replacement, !scheme.equals("never"));
  }

  @Override
  public List<String> decode(List<String> tokens) {
    List<String> parts = new ArrayList<>(tokens.size());
    for (int i = 0; i < tokens.size(); i++) {
      parts.add(tokens.get(i).replace(replacement, i == 0 && wasAdded ? "" : " "));
    }
    return parts;
  }
}
