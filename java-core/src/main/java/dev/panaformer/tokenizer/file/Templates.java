package dev.panaformer.tokenizer.file;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;

/** Sections of a tokenizer.json that other files imply. */
final class Templates {
  private Templates() {}

  /** A component with its type and fields, given as name and value in turn. */
  static Map<String, Object> component(String type, Object... fields) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("type", type);
    for (int i = 0; i < fields.length; i += 2) {
      json.put((String) fields[i], fields[i + 1]);
    }
    return json;
  }

  static Map<String, Object> sequence(String field, Object... components) {
    return component("Sequence", field, List.of(components));
  }

  /**
   * A template. Its parts are {@code A}, {@code B} and spellings of control tokens, each with a
   * colon and its type id.
   */
  static Map<String, Object> template(
      List<String> single, List<String> pair, ToIntFunction<String> ids) {
    Map<String, Object> tokens = new LinkedHashMap<>();
    List<Object> singleParts = parts(single, ids, tokens);
    List<Object> pairParts = parts(pair, ids, tokens);
    return component(
        "TemplateProcessing", "single", singleParts, "pair", pairParts, "special_tokens", tokens);
  }

  private static List<Object> parts(
      List<String> parts, ToIntFunction<String> ids, Map<String, Object> tokens) {
    List<Object> json = new ArrayList<>();
    for (String part : parts) {
      int colon = part.lastIndexOf(':');
      String id = part.substring(0, colon);
      boolean sequence = id.equals("A") || id.equals("B");
      if (!sequence && !tokens.containsKey(id)) {
        tokens.put(
            id, Map.of("id", id, "ids", List.of((long) ids.applyAsInt(id)), "tokens", List.of(id)));
      }
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("id", id);
      fields.put("type_id", Long.valueOf(part.substring(colon + 1)));
      json.add(Map.of(sequence ? "Sequence" : "SpecialToken", fields));
    }
    return json;
  }

  /**
   * A template that begins and ends each text with a token.
   *
   * @param begin null for none
   * @param end null for none
   */
  static Map<String, Object> beginAndEnd(String begin, String end, ToIntFunction<String> ids) {
    List<String> single = new ArrayList<>();
    add(single, begin, 0);
    single.add("A:0");
    add(single, end, 0);
    List<String> pair = new ArrayList<>(single);
    add(pair, begin, 1);
    pair.add("B:1");
    add(pair, end, 1);
    return template(single, pair, ids);
  }

  private static void add(List<String> parts, String token, int typeId) {
    if (token != null) {
      parts.add(token + ":" + typeId);
    }
  }
}
