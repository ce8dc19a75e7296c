package dev.panaformer.tokenizer.template;

import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.template.Template.Part;
import dev.panaformer.tokenizer.template.Template.Sequence;
import dev.panaformer.tokenizer.template.Template.Special;
import java.util.ArrayList;
import java.util.List;

/** Templates that the file spells out. */
final class TemplateProcessing {
  private TemplateProcessing() {}

  static PostProcessor read(ConfigJson json) {
    return new PostProcessor(
        List.of(),
        template(json, "single", List.of("A")),
        template(json, "pair", List.of("A", "B")));
  }

  private static Template template(ConfigJson json, String field, List<String> sequences) {
    String expected =
        "an array of sequences " + sequences + " and of special tokens that special_tokens defines";
    if (!json.isArray(field)) {
      throw json.wrong(field, expected);
    }
    List<Part> parts = new ArrayList<>();
    for (ConfigJson part : json.objects(field)) {
      if (part.fields().size() != 1) {
        throw json.wrong(field, expected);
      }
      String kind = part.fields().iterator().next();
      ConfigJson value = part.object(kind);
      String id = value.requireString("id");
      int typeId = value.requireInt("type_id", 0, Integer.MAX_VALUE);
      if (kind.equals("Sequence") && sequences.contains(id)) {
        parts.add(new Sequence(sequences.indexOf(id), typeId));
      } else if (kind.equals("SpecialToken") && json.object("special_tokens").has(id)) {
        parts.add(special(json.object("special_tokens").object(id), typeId));
      } else {
        throw value.wrong("id", expected);
      }
    }
    return new Template(parts);
  }

  private static Special special(ConfigJson token, int typeId) {
    List<Integer> ids = token.integers("ids", 0, Integer.MAX_VALUE);
    List<String> tokens = token.strings("tokens");
    if (ids.size() != tokens.size()) {
      throw token.wrong("ids", "as many as tokens");
    }
    return new Special(ids, tokens, typeId);
  }
}
