package dev.panaformer.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Refuses descriptions of a tokenizer on which the native library would not fail but end the
 * process: a Rust panic cannot cross JNI. Parts are known by their fields, since the library does
 * not always insist on a type. Regular expressions run as they are.
 */
final class AbortGuard {
  private final Path source;

  private AbortGuard(Path source) {
    this.source = source;
  }

  /**
   * @throws CheckpointException if the tokenizer could end the process
   */
  static void check(Path source, JsonObject json) {
    AbortGuard guard = new AbortGuard(source);
    guard.checkModel(ConfigJson.of(source, json).object("model"));
    for (ConfigJson part : guard.parts(json.get("normalizer"))) {
      if (part.has("precompiled_charsmap")) {
        PrecompiledCharsmap.check(part);
      }
    }
    for (ConfigJson part : guard.parts(json.get("pre_tokenizer"))) {
      if (part.has("length")) {
        part.requireInt("length", 1, Integer.MAX_VALUE);
      }
    }
    for (ConfigJson part : guard.parts(json.get("decoder"))) {
      if (part.has("stop")) {
        part.requireInt("stop", 0, 0);
      }
    }
    guard.checkPostProcessor(json.get("post_processor"));
  }

  /** All objects in a tree, whatever they are. */
  private List<ConfigJson> parts(JsonElement tree) {
    List<ConfigJson> parts = new ArrayList<>();
    collect(tree, parts);
    return parts;
  }

  private void collect(JsonElement tree, List<ConfigJson> parts) {
    if (tree instanceof JsonObject object) {
      parts.add(ConfigJson.of(source, object));
      object.asMap().values().forEach(child -> collect(child, parts));
    } else if (tree instanceof JsonArray array) {
      array.forEach(child -> collect(child, parts));
    }
  }

  /** The prefix is cut from the second half of each merge, without asking whether it is there. */
  private void checkModel(ConfigJson model) {
    if (!model.has("merges") || !model.has("continuing_subword_prefix")) {
      return;
    }
    String prefix = model.requireString("continuing_subword_prefix");
    if (!model.json().get("merges").isJsonArray()) {
      throw model.wrong("merges", "an array");
    }
    for (JsonElement merge : model.json().getAsJsonArray("merges")) {
      String second =
          merge instanceof JsonArray pair && pair.size() == 2
              ? pair.get(1).toString()
              : merge.toString().substring(merge.toString().indexOf(' ') + 1);
      if (!prefix.isEmpty() && !second.replaceFirst("^\"", "").startsWith(prefix)) {
        throw new CheckpointException(
            String.format(
                "%s: the merge %s has a second half without the prefix \"%s\"",
                source, merge, prefix));
      }
    }
  }

  private void checkPostProcessor(JsonElement postProcessor) {
    int templates = 0;
    for (ConfigJson part : parts(postProcessor)) {
      if (part.has("single") || part.has("pair")) {
        templates++;
        ConfigJson tokens = part.object("special_tokens");
        checkTemplate(part, "single", tokens, List.of("A"));
        checkTemplate(part, "pair", tokens, List.of("A", "B"));
        tokens.json().keySet().forEach(name -> checkSpecialToken(tokens.object(name)));
      }
    }
    if (templates > 1) {
      throw new CheckpointException(
          String.format("%s: post_processor has %d templates, expected one", source, templates));
    }
  }

  private void checkTemplate(
      ConfigJson template, String field, ConfigJson tokens, List<String> sequences) {
    String expected =
        "an array of sequences " + sequences + " and of special tokens that special_tokens defines";
    if (!(template.json().get(field) instanceof JsonArray pieces)) {
      throw template.wrong(field, expected);
    }
    for (JsonElement element : pieces) {
      if (!(element instanceof JsonObject piece) || piece.size() != 1) {
        throw template.wrong(field, expected);
      }
      String kind = piece.keySet().iterator().next();
      String id = ConfigJson.of(source, piece).object(kind).requireString("id");
      boolean known = kind.equals("Sequence") ? sequences.contains(id) : tokens.has(id);
      if (!known) {
        throw new CheckpointException(
            String.format(
                "%s: post_processor.%s uses %s \"%s\", expected %s",
                source, field, kind, id, expected));
      }
    }
  }

  private void checkSpecialToken(ConfigJson token) {
    if (!(token.json().get("ids") instanceof JsonArray ids
        && token.json().get("tokens") instanceof JsonArray names
        && ids.size() == names.size())) {
      throw token.wrong("ids", "as many as tokens");
    }
    for (JsonElement id : token.json().getAsJsonArray("ids")) {
      if (!(id instanceof JsonPrimitive value && value.isNumber())) {
        throw token.wrong("ids", "an array of integers");
      }
    }
  }
}
