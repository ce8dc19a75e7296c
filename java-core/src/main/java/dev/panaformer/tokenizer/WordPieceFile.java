package dev.panaformer.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** BERT's {@code vocab.txt}, one token a line, brought into the form of a tokenizer.json. */
final class WordPieceFile {
  private final ConfigJson config;
  private final Map<String, Integer> ids;
  private final Path source;

  private WordPieceFile(Path source, ConfigJson config, Map<String, Integer> ids) {
    this.source = source;
    this.config = config;
    this.ids = ids;
  }

  /**
   * Reads the file, and {@code tokenizer_config.json} where one lies beside it.
   *
   * @throws CheckpointException if it cannot be read, or lacks a special token
   */
  static JsonObject read(Path file) {
    Path config = file.resolveSibling("tokenizer_config.json");
    WordPieceFile vocabulary =
        new WordPieceFile(
            file,
            Files.exists(config)
                ? ConfigJson.read(config)
                : ConfigJson.of(config, new JsonObject()),
            new LinkedHashMap<>());
    try {
      int id = 0;
      for (String line : Files.readAllLines(file)) {
        vocabulary.ids.put(line, id++);
      }
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file + ": not UTF-8", e);
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e, e);
    }
    return vocabulary.toTokenizerJson();
  }

  private JsonObject toTokenizerJson() {
    String unknown = special("unk_token", "[UNK]");
    String cls = special("cls_token", "[CLS]");
    String sep = special("sep_token", "[SEP]");
    JsonArray added = new JsonArray();
    for (String token :
        List.of(
            special("pad_token", "[PAD]"), unknown, cls, sep, special("mask_token", "[MASK]"))) {
      added.add(addedToken(token));
    }
    JsonObject json = new JsonObject();
    json.add("added_tokens", added);
    json.add("normalizer", normalizer());
    json.add("pre_tokenizer", typed("BertPreTokenizer"));
    json.add("model", model(unknown));
    json.add("post_processor", template(cls, sep));
    json.add("decoder", decoder());
    return json;
  }

  /** A special token's spelling: a string, or an object that has it as content. */
  private String special(String field, String absent) {
    JsonElement value = config.json().get(field);
    String token =
        value != null && value.isJsonObject()
            ? config.object(field).requireString("content")
            : config.optionalString(field, absent);
    if (!ids.containsKey(token)) {
      throw new CheckpointException(
          String.format("%s: lacks the %s %s, expected one token a line", source, field, token));
    }
    return token;
  }

  private JsonObject addedToken(String token) {
    JsonObject json = new JsonObject();
    json.addProperty("id", ids.get(token));
    json.addProperty("content", token);
    json.addProperty("single_word", false);
    json.addProperty("lstrip", false);
    json.addProperty("rstrip", false);
    json.addProperty("normalized", false);
    json.addProperty("special", true);
    return json;
  }

  private JsonObject normalizer() {
    JsonObject json = typed("BertNormalizer");
    json.addProperty("clean_text", true);
    json.addProperty(
        "handle_chinese_chars", config.optionalBoolean("tokenize_chinese_chars", true));
    if (config.has("strip_accents")) {
      json.addProperty("strip_accents", config.optionalBoolean("strip_accents", true));
    } else {
      // Stripped where the text is lowered, kept elsewhere.
      json.add("strip_accents", JsonNull.INSTANCE);
    }
    json.addProperty("lowercase", config.optionalBoolean("do_lower_case", true));
    return json;
  }

  private JsonObject model(String unknown) {
    JsonObject vocab = new JsonObject();
    ids.forEach(vocab::addProperty);
    JsonObject json = typed("WordPiece");
    json.addProperty("unk_token", unknown);
    json.addProperty("continuing_subword_prefix", "##");
    json.addProperty("max_input_chars_per_word", 100);
    json.add("vocab", vocab);
    return json;
  }

  private JsonObject decoder() {
    JsonObject json = typed("WordPiece");
    json.addProperty("prefix", "##");
    json.addProperty("cleanup", true);
    return json;
  }

  private JsonObject template(String cls, String sep) {
    JsonArray single = new JsonArray();
    single.add(piece("SpecialToken", cls, 0));
    single.add(piece("Sequence", "A", 0));
    single.add(piece("SpecialToken", sep, 0));
    JsonArray pair = single.deepCopy();
    pair.add(piece("Sequence", "B", 1));
    pair.add(piece("SpecialToken", sep, 1));
    JsonObject tokens = new JsonObject();
    for (String token : List.of(cls, sep)) {
      JsonArray tokenIds = new JsonArray();
      tokenIds.add(ids.get(token));
      JsonArray names = new JsonArray();
      names.add(token);
      JsonObject definition = new JsonObject();
      definition.addProperty("id", token);
      definition.add("ids", tokenIds);
      definition.add("tokens", names);
      tokens.add(token, definition);
    }
    JsonObject json = typed("TemplateProcessing");
    json.add("single", single);
    json.add("pair", pair);
    json.add("special_tokens", tokens);
    return json;
  }

  private static JsonObject piece(String kind, String id, int typeId) {
    JsonObject fields = new JsonObject();
    fields.addProperty("id", id);
    fields.addProperty("type_id", typeId);
    JsonObject json = new JsonObject();
    json.add(kind, fields);
    return json;
  }

  private static JsonObject typed(String type) {
    JsonObject json = new JsonObject();
    json.addProperty("type", type);
    return json;
  }
}
