package dev.panaformer.tokenizer.decode;

import java.util.List;

/** Joins all parts to one. */
record Fuse() implements Decoder {
  @Override
  public List<String> decode(List<String> tokens) {
    return List.of(String.join("", tokens));
  }
}
