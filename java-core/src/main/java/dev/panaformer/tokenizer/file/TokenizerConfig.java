package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.vocabulary.AddedToken;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * The settings beside a tokenizer's file: {@code tokenizer_config.json} and, for folders without an
 * {@code added_tokens_decoder} in it, {@code added_tokens.json} and {@code
 * special_tokens_map.json}. They are applied over the file as the transformers library does.
 * Immutable.
 */
final class TokenizerConfig {
  private static final List<String> NAMED_TOKENS =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "sep_token",
          "pad_token",
          "cls_token",
          "mask_token");

  /** Classes whose splitting cannot be described by the files that we read. */
  private static final Set<String> UNSUPPORTED_CLASSES =
      Set.of("BertJapaneseTokenizer", "JumanppTokenizer", "MecabTokenizer", "SudachiTokenizer");

  /** Classes that leave the normalizer of tokenizer.json as it is. */
  private static final Set<String> GENERIC_CLASSES =
      Set.of("PreTrainedTokenizerFast", "TokenizersBackend");

  private final ConfigJson json;
  private final ConfigJson tokenMap;
  private final List<AddedToken> added;

  private TokenizerConfig(ConfigJson json, ConfigJson tokenMap, List<AddedToken> added) {
    this.json = json;
    this.tokenMap = tokenMap;
    this.added = added;
  }

  /**
   * Reads the files of a folder that exist.
   *
   * @throws CheckpointException if one is damaged, or the class of the tokenizer is not supported
   */
  static TokenizerConfig read(Path folder) {
    ConfigJson json = optional(folder.resolve("tokenizer_config.json"));
    String className = json.optionalString("tokenizer_class", "");
    if (UNSUPPORTED_CLASSES.contains(className)) {
      throw json.unsupported(
          "tokenizer_class", "a tokenizer that needs no morphological analysis such as MeCab");
    }
    boolean legacy = !json.has("added_tokens_decoder");
    ConfigJson tokenMap =
        legacy
            ? optional(folder.resolve("special_tokens_map.json"))
            : ConfigJson.of(json.source(), Map.of());
    TokenizerConfig config = new TokenizerConfig(json, tokenMap, List.of());
    Map<Integer, AddedToken> added =
        legacy ? config.legacyTokens(folder.resolve("added_tokens.json")) : config.decoderTokens();
    return new TokenizerConfig(json, tokenMap, List.copyOf(added.values()));
  }

  private static ConfigJson optional(Path file) {
    return Files.exists(file) ? ConfigJson.read(file) : ConfigJson.of(file, Map.of());
  }

  /** {@code added_tokens_decoder}: the tokens by their id. */
  private Map<Integer, AddedToken> decoderTokens() {
    Map<Integer, AddedToken> tokens = new TreeMap<>();
    ConfigJson decoder = json.object("added_tokens_decoder");
    for (String id : decoder.fields()) {
      try {
        tokens.put(Integer.parseInt(id), AddedToken.read(decoder.object(id)));
      } catch (NumberFormatException e) {
        throw decoder.wrong(id, "an id as the name of the field");
      }
    }
    return tokens;
  }

  /** {@code added_tokens.json}: ids by spelling. */
  private Map<Integer, AddedToken> legacyTokens(Path file) {
    Map<Integer, AddedToken> tokens = new TreeMap<>();
    ConfigJson ids = optional(file);
    Set<String> special = new LinkedHashSet<>();
    namedTokens().forEach(token -> special.add(token.content()));
    for (String token : ids.fields()) {
      tokens.put(
          ids.requireInt(token, 0, Integer.MAX_VALUE),
          AddedToken.of(token, special.contains(token)));
    }
    return tokens;
  }

  /** The name of the tokenizer's class, or an empty string. */
  String className() {
    return json.optionalString("tokenizer_class", "");
  }

  ConfigJson json() {
    return json;
  }

  /** The spelling of a named token such as {@code bos_token}, or {@code absent}. */
  String token(String name, String absent) {
    for (ConfigJson source : List.of(json, tokenMap)) {
      if (source.isObject(name)) {
        return source.object(name).requireString("content");
      }
      if (source.has(name)) {
        return source.requireString(name);
      }
    }
    return absent;
  }

  private List<AddedToken> namedTokens() {
    List<AddedToken> tokens = new ArrayList<>();
    for (ConfigJson source : List.of(json, tokenMap)) {
      for (String name : NAMED_TOKENS) {
        if (source.isObject(name)) {
          tokens.add(AddedToken.read(source.object(name)).asSpecial());
        } else if (source.has(name)) {
          tokens.add(AddedToken.of(source.requireString(name), true));
        }
      }
      for (String field : List.of("additional_special_tokens", "extra_special_tokens")) {
        tokens.addAll(tokens(source, field));
      }
    }
    return tokens;
  }

  /** Tokens in an array of spellings or objects, or as the values of an object. */
  private static List<AddedToken> tokens(ConfigJson source, String field) {
    List<AddedToken> tokens = new ArrayList<>();
    if (source.isArray(field)) {
      for (Object element : (List<?>) source.value(field)) {
        if (element instanceof String content) {
          tokens.add(AddedToken.of(content, true));
        } else {
          tokens.add(AddedToken.read(asObject(source, field, element)).asSpecial());
        }
      }
    } else if (source.isObject(field)) {
      ConfigJson named = source.object(field);
      for (String name : named.fields()) {
        tokens.add(
            named.isObject(name)
                ? AddedToken.read(named.object(name)).asSpecial()
                : AddedToken.of(named.requireString(name), true));
      }
    }
    return tokens;
  }

  @SuppressWarnings("unchecked")
  private static ConfigJson asObject(ConfigJson source, String field, Object element) {
    if (element instanceof Map<?, ?> object) {
      return ConfigJson.of(source.source(), (Map<String, ?>) object);
    }
    throw source.wrong(field, "an array of tokens");
  }

  /** Whether decoding removes the spaces before punctuation. */
  boolean cleansUpSpaces() {
    return json.optionalBoolean("clean_up_tokenization_spaces", false);
  }

  /** {@code model_max_length}; empty where it is so large that it means no limit. */
  OptionalInt maxLength() {
    double length = json.optionalDouble("model_max_length", 1e30, 1, Double.MAX_VALUE);
    return length < 1 << 24 ? OptionalInt.of((int) length) : OptionalInt.empty();
  }

  /** Applies the settings to what a file says. */
  TokenizerFile apply(TokenizerFile file) {
    TokenizerFile changed = withTokens(file);
    changed = withNormalizer(changed);
    changed = withPrefixSpace(changed);
    return withBeginAndEnd(changed);
  }

  /** Adds tokens that the file does not know. */
  private TokenizerFile withTokens(TokenizerFile file) {
    List<AddedToken> tokens = new ArrayList<>(file.added());
    Set<String> known = new LinkedHashSet<>();
    tokens.forEach(token -> known.add(token.content()));
    Set<String> named = new LinkedHashSet<>();
    namedTokens().forEach(token -> named.add(token.content()));
    for (AddedToken token : added) {
      if (!file.added().contains(token)) {
        tokens.add(named.contains(token.content()) ? token.asSpecial() : token);
      }
      known.add(token.content());
    }
    for (AddedToken token : namedTokens()) {
      if (known.add(token.content())) {
        tokens.add(token);
      }
    }
    return new TokenizerFile(file.sections(), file.model(), tokens);
  }

  private TokenizerFile withNormalizer(TokenizerFile file) {
    if (GENERIC_CLASSES.contains(className())) {
      return file;
    }
    return changed(
        file,
        "normalizer",
        section -> {
          if (!"BertNormalizer".equals(section.get("type"))) {
            return section;
          }
          copy("do_lower_case", "lowercase", section);
          copy("strip_accents", "strip_accents", section);
          copy("tokenize_chinese_chars", "handle_chinese_chars", section);
          return section;
        });
  }

  private void copy(String from, String to, Map<String, Object> section) {
    if (json.fields().contains(from)) {
      json.optionalBoolean(from, false);
      section.put(to, json.value(from));
    }
  }

  /** {@code add_prefix_space} of byte-level tokenizers. */
  private TokenizerFile withPrefixSpace(TokenizerFile file) {
    if (!json.has("add_prefix_space")) {
      return file;
    }
    TokenizerFile result = file;
    for (String name : List.of("pre_tokenizer", "post_processor")) {
      result =
          changed(
              result,
              name,
              section -> {
                Object type = section.get("type");
                if ("ByteLevel".equals(type) || "RobertaProcessing".equals(type)) {
                  section.put("add_prefix_space", json.optionalBoolean("add_prefix_space", false));
                }
                return section;
              });
    }
    return result;
  }

  /** {@code add_bos_token} and {@code add_eos_token}. */
  private TokenizerFile withBeginAndEnd(TokenizerFile file) {
    if (!json.has("add_bos_token") && !json.has("add_eos_token")) {
      return file;
    }
    String begin = json.optionalBoolean("add_bos_token", false) ? token("bos_token", null) : null;
    String end = json.optionalBoolean("add_eos_token", false) ? token("eos_token", null) : null;
    ConfigJson sections = file.sections();
    if (sections.has("post_processor")) {
      String text = sections.object("post_processor").toString();
      for (String name : List.of("cls_token", "sep_token")) {
        String token = token(name, null);
        if (token != null
            && text.contains(
                ConfigJson.of(json.source(), Map.of("id", token))
                    .toString()
                    .substring(1)
                    .replace("}", ""))) {
          return file; // The template of an encoder, which these settings do not concern.
        }
      }
    }
    Map<String, Object> template =
        Templates.beginAndEnd(begin, end, spelling -> id(file, spelling));
    if (!sections.has("post_processor")) {
      return file.with("post_processor", template);
    }
    ConfigJson old = sections.object("post_processor");
    List<Object> processors = new ArrayList<>();
    for (ConfigJson part : old.has("processors") ? old.objects("processors") : List.of(old)) {
      if ("ByteLevel".equals(part.optionalString("type", ""))) {
        processors.add(part.asMap());
      }
    }
    processors.add(template);
    Map<String, Object> sequence = new LinkedHashMap<>();
    sequence.put("type", "Sequence");
    sequence.put("processors", processors);
    return file.with("post_processor", sequence);
  }

  /** The id that a token of the file has or will get. */
  private int id(TokenizerFile file, String spelling) {
    int id =
        dev.panaformer.tokenizer.vocabulary.AddedTokens.of(
                file.added(), file.model().vocabulary(), UnaryOperator.identity())
            .find(spelling);
    id = id < 0 ? file.model().vocabulary().find(spelling) : id;
    if (id < 0) {
      throw json.wrong("add_bos_token", "a bos_token and eos_token of the vocabulary");
    }
    return id;
  }

  private static TokenizerFile changed(
      TokenizerFile file, String name, UnaryOperator<Map<String, Object>> change) {
    ConfigJson sections = file.sections();
    if (!sections.has(name)) {
      return file;
    }
    Map<String, Object> section = new LinkedHashMap<>(sections.object(name).asMap());
    return file.with(name, change.apply(section));
  }
}
