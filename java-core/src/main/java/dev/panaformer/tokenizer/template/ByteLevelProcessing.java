package dev.panaformer.tokenizer.template;

import dev.panaformer.checkpoint.ConfigJson;

/** Trims ranges and adds no token. */
final class ByteLevelProcessing {
  private ByteLevelProcessing() {}

  static PostProcessor read(ConfigJson json) {
    return new PostProcessor(OffsetTrim.read(json), Template.SINGLE, Template.PAIR);
  }
}
