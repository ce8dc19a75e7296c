package dev.panaformer.tokenizer;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Converts BERT's {@code vocab.txt}, one token per line, to the fields of a tokenizer.json. */
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
   * Reads the file and, if present, the {@code tokenizer_config.json} beside it.
   *
   * @throws CheckpointException if it cannot be read, or lacks a special token
   */
  static ConfigJson read(Path file) {
    Path config = file.resolveSibling("tokenizer_config.json");
    WordPieceFile vocabulary =
        new WordPieceFile(
            file,
            Files.exists(config) ? ConfigJson.read(config) : ConfigJson.of(config, Map.of()),
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
    return ConfigJson.of(file, vocabulary.toTokenizerJson());
  }

  private Map<String, Object> toTokenizerJson() {
    String unknown = special("unk_token", "[UNK]");
    String cls = special("cls_token", "[CLS]");
    String sep = special("sep_token", "[SEP]");
    List<Object> added = new ArrayList<>();
    for (String token :
        List.of(
            special("pad_token", "[PAD]"), unknown, cls, sep, special("mask_token", "[MASK]"))) {
      added.add(addedToken(token));
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("added_tokens", added);
    json.put("normalizer", normalizer());
    json.put("pre_tokenizer", typed("BertPreTokenizer"));
    json.put("model", model(unknown));
    json.put("post_processor", template(cls, sep));
    json.put("decoder", decoder());
    return json;
  }

  /** The spelling of a special token: a string, or an object with a field {@code content}. */
  private String special(String field, String absent) {
    String token =
        config.isObject(field)
            ? config.object(field).requireString("content")
            : config.optionalString(field, absent);
    if (!ids.containsKey(token)) {
      throw new CheckpointException(
          String.format("%s: lacks the %s %s, expected one token a line", source, field, token));
    }
    return token;
  }

  private Map<String, Object> addedToken(String token) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("id", ids.get(token));
    json.put("content", token);
    json.put("single_word", false);
    json.put("lstrip", false);
    json.put("rstrip", false);
    json.put("normalized", false);
    json.put("special", true);
    return json;
  }

  private Map<String, Object> normalizer() {
    Map<String, Object> json = typed("BertNormalizer");
    json.put("clean_text", true);
    json.put("handle_chinese_chars", config.optionalBoolean("tokenize_chinese_chars", true));
    if (config.has("strip_accents")) {
      json.put("strip_accents", config.optionalBoolean("strip_accents", true));
    } else {
      // Null: accents are stripped if the text is lowercased, and kept otherwise.
      json.put("strip_accents", null);
    }
    json.put("lowercase", config.optionalBoolean("do_lower_case", true));
    return json;
  }

  private Map<String, Object> model(String unknown) {
    Map<String, Object> vocab = new LinkedHashMap<>();
    vocab.putAll(ids);
    Map<String, Object> json = typed("WordPiece");
    json.put("unk_token", unknown);
    json.put("continuing_subword_prefix", "##");
    json.put("max_input_chars_per_word", 100);
    json.put("vocab", vocab);
    return json;
  }

  private Map<String, Object> decoder() {
    Map<String, Object> json = typed("WordPiece");
    json.put("prefix", "##");
    json.put("cleanup", true);
    return json;
  }

  private Map<String, Object> template(String cls, String sep) {
    Map<String, Object> first = piece("SpecialToken", cls, 0);
    Map<String, Object> text = piece("Sequence", "A", 0);
    Map<String, Object> end = piece("SpecialToken", sep, 0);
    List<Object> single = List.of(first, text, end);
    List<Object> pair =
        List.of(first, text, end, piece("Sequence", "B", 1), piece("SpecialToken", sep, 1));
    Map<String, Object> tokens = new LinkedHashMap<>();
    for (String token : List.of(cls, sep)) {
      Map<String, Object> definition = new LinkedHashMap<>();
      definition.put("id", token);
      definition.put("ids", List.of(ids.get(token)));
      definition.put("tokens", List.of(token));
      tokens.put(token, definition);
    }
    Map<String, Object> json = typed("TemplateProcessing");
    json.put("single", single);
    json.put("pair", pair);
    json.put("special_tokens", tokens);
    return json;
  }

  private static Map<String, Object> piece(String kind, String id, int typeId) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("id", id);
    fields.put("type_id", typeId);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put(kind, fields);
    return json;
  }

  private static Map<String, Object> typed(String type) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("type", type);
    return json;
  }
}
