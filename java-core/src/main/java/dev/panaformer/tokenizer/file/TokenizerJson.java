package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.JsonStream;
import dev.panaformer.tokenizer.model.TokenModel;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads {@code tokenizer.json}. The vocabulary is not held as JSON at any time. */
final class TokenizerJson {
  private TokenizerJson() {}

  static TokenizerFile read(Path file) {
    Map<String, Object> sections = new LinkedHashMap<>();
    TokenModel model = null;
    try (JsonStream json = JsonStream.open(file)) {
      if (!json.isObject()) {
        throw new CheckpointException(file + ": expected a JSON object");
      }
      json.beginObject();
      while (json.hasNext()) {
        String name = json.nextName();
        if (sections.containsKey(name) || name.equals("model") && model != null) {
          throw new CheckpointException(file + ": " + json.path() + " appears twice");
        }
        if (name.equals("model")) {
          model = new ModelJson(file).read(json);
        } else {
          sections.put(name, json.nextValue());
        }
      }
      json.endObject();
      json.end();
    }
    if (model == null) {
      throw new CheckpointException(file + ": model is missing, expected an object");
    }
    ConfigJson fields = ConfigJson.of(file, sections);
    if (!fields.optionalString("version", "1.0").equals("1.0")) {
      throw fields.unsupported("version", "1.0");
    }
    Limits.check(fields);
    List<AddedToken> added = fields.objects("added_tokens").stream().map(AddedToken::read).toList();
    return new TokenizerFile(fields, model, added);
  }
}
