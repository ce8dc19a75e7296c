package dev.panaformer.tokenizer;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.StrictJson;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Refuses tokenizer files that would make the native library end the process instead of returning
 * an error: a Rust panic cannot cross JNI. Components are recognised by their fields, because the
 * library does not always require a type. Regular expressions are not checked.
 */
final class AbortGuard {
  private final Path source;

  private AbortGuard(Path source) {
    this.source = source;
  }

  /**
   * @throws CheckpointException if the tokenizer could end the process
   */
  static void check(ConfigJson json) {
    AbortGuard guard = new AbortGuard(json.source());
    guard.checkModel(json.object("model"));
    for (ConfigJson part : guard.parts(json.value("normalizer"))) {
      if (part.has("precompiled_charsmap")) {
        PrecompiledCharsmap.check(part);
      }
    }
    for (ConfigJson part : guard.parts(json.value("pre_tokenizer"))) {
      if (part.has("length")) {
        part.requireInt("length", 1, Integer.MAX_VALUE);
      }
    }
    for (ConfigJson part : guard.parts(json.value("decoder"))) {
      if (part.has("stop")) {
        part.requireInt("stop", 0, 0);
      }
    }
    guard.checkPostProcessor(json.value("post_processor"));
  }

  /** All objects in a JSON tree. */
  private List<ConfigJson> parts(Object tree) {
    List<ConfigJson> parts = new ArrayList<>();
    collect(tree, parts);
    return parts;
  }

  private void collect(Object tree, List<ConfigJson> parts) {
    if (tree instanceof Map<?, ?> object) {
      parts.add(fields(object));
      object.values().forEach(child -> collect(child, parts));
    } else if (tree instanceof List<?> array) {
      array.forEach(child -> collect(child, parts));
    }
  }

  @SuppressWarnings("unchecked")
  private ConfigJson fields(Map<?, ?> object) {
    return ConfigJson.of(source, (Map<String, ?>) object);
  }

  /**
   * Checks that the second half of each merge begins with the prefix, since the library removes it
   * unchecked.
   */
  private void checkModel(ConfigJson model) {
    if (!model.has("merges") || !model.has("continuing_subword_prefix")) {
      return;
    }
    String prefix = model.requireString("continuing_subword_prefix");
    if (!(model.value("merges") instanceof List<?> merges)) {
      throw model.wrong("merges", "an array");
    }
    for (Object element : merges) {
      String merge = StrictJson.text(element);
      String second =
          element instanceof List<?> pair && pair.size() == 2
              ? StrictJson.text(pair.get(1))
              : merge.substring(merge.indexOf(' ') + 1);
      if (!prefix.isEmpty() && !second.replaceFirst("^\"", "").startsWith(prefix)) {
        throw new CheckpointException(
            String.format(
                "%s: the merge %s has a second half without the prefix \"%s\"",
                source, merge, prefix));
      }
    }
  }

  private void checkPostProcessor(Object postProcessor) {
    int templates = 0;
    for (ConfigJson part : parts(postProcessor)) {
      if (part.has("single") || part.has("pair")) {
        templates++;
        ConfigJson tokens = part.object("special_tokens");
        checkTemplate(part, "single", tokens, List.of("A"));
        checkTemplate(part, "pair", tokens, List.of("A", "B"));
        tokens.fields().forEach(name -> checkSpecialToken(tokens.object(name)));
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
    if (!(template.value(field) instanceof List<?> pieces)) {
      throw template.wrong(field, expected);
    }
    for (Object element : pieces) {
      if (!(element instanceof Map<?, ?> piece) || piece.size() != 1) {
        throw template.wrong(field, expected);
      }
      String kind = (String) piece.keySet().iterator().next();
      String id = fields(piece).object(kind).requireString("id");
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
    if (!(token.value("ids") instanceof List<?> ids
        && token.value("tokens") instanceof List<?> names
        && ids.size() == names.size())) {
      throw token.wrong("ids", "as many as tokens");
    }
    for (Object id : ids) {
      if (!(id instanceof Number)) {
        throw token.wrong("ids", "an array of integers");
      }
    }
  }
}
