package dev.panaformer.tokenizer.decode;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.List;

/** Removes a character from the beginning and the end of each token, up to so many times. */
record StripDecoder(int content, int start, int stop) implements Decoder {
  static StripDecoder read(ConfigJson json) {
    String content = json.requireString("content");
    if (content.codePointCount(0, content.length()) != 1) {
      throw json.wrong("content", "one character");
    }
    return new StripDecoder(
        content.codePointAt(0),
        json.requireInt("start", 0, Integer.MAX_VALUE),
        json.requireInt("stop", 0, Integer.MAX_VALUE));
  }

  @Override
  public List<String> decode(List<String> tokens) {
    return tokens.stream().map(this::strip).toList();
  }

  private String strip(String token) {
    int[] c = token.codePoints().toArray();
    int from = 0;
    while (from < c.length && from < start && c[from] == content) {
      from++;
    }
    int to = c.length;
    while (to > from && c.length - to < stop && c[to - 1] == content) {
      to--;
    }
    return new String(c, from, to - from);
  }
}
