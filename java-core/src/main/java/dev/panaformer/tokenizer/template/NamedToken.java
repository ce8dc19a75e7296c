package dev.panaformer.tokenizer.template;

import dev.panaformer.checkpoint.ConfigJson;
import java.util.List;

/** A token that a file gives as {@code ["[SEP]", 102]}. */
record NamedToken(String token, int id) {
  static NamedToken read(ConfigJson json, String field) {
    if (json.value(field) instanceof List<?> pair
        && pair.size() == 2
        && pair.get(0) instanceof String token
        && pair.get(1) instanceof Number id
        && id.intValue() >= 0
        && id.doubleValue() == id.intValue()) {
      return new NamedToken(token, id.intValue());
    }
    throw json.wrong(field, "a token and its id");
  }

  Template.Special special(int typeId) {
    return Template.special(id, token, typeId);
  }
}
