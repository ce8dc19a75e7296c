package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.List;

/**
 * The sections {@code truncation} and {@code padding}. They say how the texts of the training were
 * cut and filled up. Like the reference's callers, ours say themselves what they want, so the
 * sections are checked and not applied.
 */
final class Limits {
  private static final List<String> DIRECTIONS = List.of("Left", "Right");

  private Limits() {}

  static void check(ConfigJson json) {
    if (json.has("truncation")) {
      ConfigJson truncation = json.object("truncation");
      truncation.requireInt("max_length", 0, Integer.MAX_VALUE);
      truncation.optionalInt("stride", 0, 0, Integer.MAX_VALUE);
      oneOf(truncation, "direction", DIRECTIONS);
      oneOf(truncation, "strategy", List.of("LongestFirst", "OnlyFirst", "OnlySecond"));
    }
    if (json.has("padding")) {
      ConfigJson padding = json.object("padding");
      padding.requireInt("pad_id", 0, Integer.MAX_VALUE);
      padding.requireString("pad_token");
      oneOf(padding, "direction", DIRECTIONS);
    }
  }

  private static void oneOf(ConfigJson json, String field, List<String> values) {
    if (json.has(field) && !values.contains(json.requireString(field))) {
      throw json.wrong(field, "one of " + values);
    }
  }
}
