package dev.panaformer.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.tokenizer.normalize.Normalizer;
import dev.panaformer.tokenizer.pattern.PublishedPatterns;
import dev.panaformer.tokenizer.text.Draft;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/**
 * Files drawn at random that use every component. Left out is what ends the process of the
 * reference: patterns that match nothing, added tokens whose normal form is empty, Strip decoders
 * that cut at the end, and several templates.
 */
final class DrawnTokenizers {
  private static final String[] CONTROL = {
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "<s>",
    "</s>",
    "<unk>",
    "<|im_end|>",
    "<extra_id_0>"
  };

  /** Regular expressions without a scanner. */
  private static final String[] REGEXES = {
    "[aeiou]+",
    "\\p{Lu}",
    "\\s+$",
    "(?i:the|LOVE)",
    "[^\\w\\s]+",
    "\\w+|\\W",
    "a|e",
    "[[:punct:]]",
    "\\p{Han}",
    "(?<=a)b",
    "[\\p{L}&&[^a-f]]+",
    "x{2,}",
    "^.",
    "\\h+",
    "[!-/:-~]",
    "(?:ab)+",
    "[a-c]{1,2}",
    "\\n$",
    "\\p{^L}+"
  };

  private final Random random;
  private final DrawnTexts texts;

  DrawnTokenizers(Random random) {
    this.random = random;
    this.texts = new DrawnTexts(random);
  }

  private boolean chance(int oneIn) {
    return random.nextInt(oneIn) == 0;
  }

  JsonObject next() {
    JsonObject json = new JsonObject();
    json.addProperty("version", "1.0");
    json.add("truncation", JsonNull.INSTANCE);
    json.add("padding", JsonNull.INSTANCE);
    Map<String, Integer> vocab = new LinkedHashMap<>();
    for (String token : CONTROL) {
      vocab.put(token, vocab.size());
    }
    JsonObject pre = chance(6) ? null : preTokenizer(2);
    JsonObject normalizer = chance(4) ? null : normalizer(2);
    boolean bytes = pre != null && pre.toString().contains("ByteLevel") || chance(8);
    JsonObject model = model(vocab, bytes);
    json.add("added_tokens", addedTokens(vocab, normalizer));
    json.add("normalizer", normalizer == null ? JsonNull.INSTANCE : normalizer);
    json.add("pre_tokenizer", pre == null ? JsonNull.INSTANCE : pre);
    json.add("post_processor", chance(5) ? JsonNull.INSTANCE : postProcessor());
    json.add("decoder", chance(6) ? JsonNull.INSTANCE : decoder(2));
    json.add("model", model);
    return json;
  }

  static JsonObject component(String type, Object... fields) {
    JsonObject json = new JsonObject();
    json.addProperty("type", type);
    for (int i = 0; i < fields.length; i += 2) {
      Object value = fields[i + 1];
      String name = (String) fields[i];
      if (value instanceof Boolean flag) {
        json.addProperty(name, flag);
      } else if (value instanceof Number number) {
        json.addProperty(name, number);
      } else if (value instanceof String text) {
        json.addProperty(name, text);
      } else {
        json.add(name, value == null ? JsonNull.INSTANCE : (com.google.gson.JsonElement) value);
      }
    }
    return json;
  }

  private boolean flag() {
    return random.nextBoolean();
  }

  JsonObject normalizer(int depth) {
    switch (random.nextInt(depth > 0 ? 16 : 13)) {
      case 0:
        return component("NFC");
      case 1:
        return component("NFD");
      case 2:
        return component("NFKC");
      case 3:
        return component("NFKD");
      case 4:
        return component("Lowercase");
      case 5:
        return component("StripAccents");
      case 6:
        return component("Strip", "strip_left", flag(), "strip_right", flag());
      case 7:
        return component("Nmt");
      case 8:
        return component("Prepend", "prepend", texts.pick("▁", "ab", " "));
      case 9:
        return component(
            "Replace", "pattern", pattern(), "content", texts.pick("▁", "", " ", "xy", "é"));
      case 10:
        return component("ByteLevel");
      case 11:
        return component("Precompiled", "precompiled_charsmap", Charsmaps.NMT_NFKC_LIKE);
      case 12:
        return component(
            "BertNormalizer",
            "clean_text",
            flag(),
            "handle_chinese_chars",
            flag(),
            "strip_accents",
            chance(3) ? null : (Object) flag(),
            "lowercase",
            flag());
      default:
        JsonArray parts = new JsonArray();
        for (int i = random.nextInt(4); i > 0; i--) {
          parts.add(normalizer(depth - 1));
        }
        return component("Sequence", "normalizers", parts);
    }
  }

  private JsonObject pattern() {
    JsonObject json = new JsonObject();
    if (chance(2)) {
      json.addProperty("String", texts.pick(" ", "a", "the", "▁", "é", "  ", "``", "\n", "."));
    } else {
      json.addProperty("Regex", regex());
    }
    return json;
  }

  private String regex() {
    if (chance(3)) {
      return texts.pick(REGEXES);
    }
    List<String> published =
        new ArrayList<>(new TreeSet<>(list(PublishedPatterns.regularExpressions())));
    return published.get(random.nextInt(published.size()));
  }

  private static List<String> list(Iterable<String> strings) {
    List<String> list = new ArrayList<>();
    strings.forEach(list::add);
    return list;
  }

  private String behavior() {
    return texts.pick("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous");
  }

  private JsonObject preTokenizer(int depth) {
    switch (random.nextInt(depth > 0 ? 17 : 13)) {
      case 0:
        return component("BertPreTokenizer");
      case 1:
        return component(
            "ByteLevel", "add_prefix_space", flag(), "trim_offsets", flag(), "use_regex", flag());
      case 2:
        return component("CharDelimiterSplit", "delimiter", texts.pick("a", " ", "-", "é"));
      case 3, 4:
        return component(
            "Metaspace",
            "replacement",
            chance(5) ? "_" : "▁",
            "prepend_scheme",
            texts.pick("always", "first", "never"),
            "split",
            flag());
      case 5:
        return component("Whitespace");
      case 6:
        return component("WhitespaceSplit");
      case 7:
        return component("Punctuation", "behavior", behavior());
      case 8:
        return component("Digits", "individual_digits", flag());
      case 9:
        return component("UnicodeScripts");
      case 10:
        return component("FixedLength", "length", 1 + random.nextInt(6));
      case 11, 12:
        return component("Split", "pattern", pattern(), "behavior", behavior(), "invert", flag());
      default:
        JsonArray parts = new JsonArray();
        for (int i = random.nextInt(4); i > 0; i--) {
          parts.add(preTokenizer(depth - 1));
        }
        return component("Sequence", "pretokenizers", parts);
    }
  }

  private Set<String> pieces(boolean bytes) {
    Set<String> pieces = new LinkedHashSet<>();
    int count = 20 + random.nextInt(300);
    for (int i = 0; i < count; i++) {
      String word =
          RustTokenizer.clean(chance(3) ? texts.letters(4) : texts.pick(DrawnTexts.words()));
      int[] c = word.codePoints().toArray();
      int from = random.nextInt(c.length);
      int to = from + 1 + random.nextInt(Math.min(4, c.length - from));
      String piece = new String(c, from, to - from);
      pieces.add(chance(4) ? "▁" + piece : piece);
    }
    for (char c = 'a'; c <= 'z'; c++) {
      if (!chance(8)) {
        pieces.add(Character.toString(c));
      }
    }
    if (!chance(4)) {
      pieces.add("▁");
    }
    if (bytes) {
      for (int b = 0; b < 256; b++) {
        if (!chance(40)) {
          pieces.add(Character.toString(dev.panaformer.tokenizer.text.ByteAlphabet.charOf(b)));
        }
      }
    }
    return pieces;
  }

  private JsonObject model(Map<String, Integer> vocab, boolean bytes) {
    Set<String> pieces = pieces(bytes);
    boolean fallback = chance(3);
    if (fallback) {
      for (int b = 0; b < 256; b++) {
        if (!chance(60) || chance(3)) {
          pieces.add(String.format("<0x%02X>", b));
        }
      }
    }
    switch (random.nextInt(5)) {
      case 0:
        pieces.forEach(piece -> vocab.putIfAbsent(piece, vocab.size()));
        return component("WordLevel", "vocab", object(vocab), "unk_token", "[UNK]");
      case 1:
        String prefix = chance(5) ? "" : "##";
        for (String piece : pieces) {
          vocab.putIfAbsent(piece, vocab.size());
          if (!chance(3)) {
            vocab.putIfAbsent(prefix + piece, vocab.size());
          }
        }
        return component(
            "WordPiece",
            "unk_token",
            "[UNK]",
            "continuing_subword_prefix",
            prefix,
            "max_input_chars_per_word",
            chance(3) ? 5 + random.nextInt(20) : 100,
            "vocab",
            object(vocab));
      case 2:
        return unigram(pieces, vocab, fallback);
      default:
        return bpe(pieces, vocab, fallback);
    }
  }

  private JsonObject unigram(Set<String> pieces, Map<String, Integer> vocab, boolean fallback) {
    JsonArray list = new JsonArray();
    List<String> all = new ArrayList<>(vocab.keySet());
    all.addAll(pieces);
    vocab.clear();
    for (String piece : all) {
      if (chance(60)) {
        list.add(scored(piece, -20));
      }
      list.add(scored(piece, -random.nextInt(4000) / (chance(4) ? 1000.0 : 333.0)));
    }
    for (int i = 0; i < list.size(); i++) {
      vocab.put(list.get(i).getAsJsonArray().get(0).getAsString(), i);
    }
    return component("Unigram", "unk_id", 1, "vocab", list, "byte_fallback", fallback);
  }

  private static JsonArray scored(String piece, double score) {
    JsonArray pair = new JsonArray();
    pair.add(piece);
    pair.add(score);
    return pair;
  }

  private JsonObject bpe(Set<String> pieces, Map<String, Integer> vocab, boolean fallback) {
    // With both, the reference counts the bytes of the affixes as bytes of the text.
    String prefix = !fallback && chance(6) ? "##" : null;
    String suffix = !fallback && chance(6) ? "</w>" : null;
    Set<String> symbols = new LinkedHashSet<>();
    for (String piece : pieces) {
      if (piece.startsWith("<0x")) {
        vocab.putIfAbsent(piece, vocab.size());
        continue;
      }
      piece
          .codePoints()
          .forEach(c -> {
            if (!chance(30)) {
              symbols.add(Character.toString(c));
            }
          });
    }
    List<String> tokens = new ArrayList<>();
    for (String symbol : symbols) {
      tokens.add(symbol);
      if (prefix != null) {
        tokens.add(prefix + symbol);
      }
      if (suffix != null) {
        tokens.add(symbol + suffix);
        if (prefix != null) {
          tokens.add(prefix + symbol + suffix);
        }
      }
    }
    tokens.forEach(token -> vocab.putIfAbsent(token, vocab.size()));
    JsonArray merges = new JsonArray();
    Set<String> seen = new LinkedHashSet<>();
    int count = tokens.isEmpty() ? 0 : random.nextInt(500);
    for (int i = 0; i < count; i++) {
      String left = tokens.get(random.nextInt(tokens.size()));
      String right = tokens.get(random.nextInt(tokens.size()));
      boolean joins =
          left.length() < 9
              && !left.contains(" ")
              && !right.contains(" ")
              && (prefix == null || right.startsWith(prefix))
              && (suffix == null || !left.endsWith(suffix));
      if (joins && seen.add(left + " " + right)) {
        JsonArray pair = new JsonArray();
        pair.add(left);
        pair.add(right);
        merges.add(pair);
        String merged = left + right.substring(prefix == null ? 0 : prefix.length());
        vocab.putIfAbsent(merged, vocab.size());
        tokens.add(merged);
      }
    }
    return component(
        "BPE",
        "dropout",
        null,
        "unk_token",
        chance(3) ? null : "[UNK]",
        "continuing_subword_prefix",
        prefix,
        "end_of_word_suffix",
        suffix,
        "fuse_unk",
        flag(),
        "byte_fallback",
        fallback,
        "ignore_merges",
        chance(3),
        "vocab",
        object(vocab),
        "merges",
        merges);
  }

  private static JsonObject object(Map<String, Integer> vocab) {
    JsonObject json = new JsonObject();
    vocab.forEach(json::addProperty);
    return json;
  }

  private JsonArray addedTokens(Map<String, Integer> vocab, JsonObject normalizer) {
    JsonArray added = new JsonArray();
    for (String control : CONTROL) {
      if (!chance(4)) {
        added.add(added(control, vocab.getOrDefault(control, 0), chance(8), true, normalizer));
      }
    }
    int id = vocab.size();
    for (String content :
        new String[] {
          "YYY", "[NEW]", "new word", "the", "日本", "Straße", "<0x41>", "a a", "'s", "[E1]"
        }) {
      if (chance(4)) {
        added.add(added(content, id++, flag(), chance(4), normalizer));
      }
    }
    return added;
  }

  private JsonObject added(
      String content, int id, boolean isNormalized, boolean special, JsonObject normalizer) {
    boolean normalized = isNormalized && !isEmptied(content, normalizer);
    JsonObject json = new JsonObject();
    json.addProperty("id", id);
    json.addProperty("content", content);
    json.addProperty("single_word", chance(5));
    json.addProperty("lstrip", chance(4));
    json.addProperty("rstrip", chance(4));
    json.addProperty("normalized", normalized);
    json.addProperty("special", special);
    return json;
  }

  private static boolean isEmptied(String content, JsonObject normalizer) {
    if (normalizer == null) {
      return false;
    }
    Draft draft = new Draft();
    draft.clear(false).append(content);
    Normalizer.read(ConfigJson.parse(Path.of("drawn"), normalizer.toString())).normalize(draft);
    return draft.text().length() == 0;
  }

  private JsonArray named(String token, int id) {
    JsonArray pair = new JsonArray();
    pair.add(token);
    pair.add(new JsonPrimitive(id));
    return pair;
  }

  private JsonObject postProcessor() {
    switch (random.nextInt(5)) {
      case 0:
        return component("BertProcessing", "sep", named("[SEP]", 3), "cls", named("[CLS]", 2));
      case 1:
        return component(
            "RobertaProcessing",
            "sep",
            named("</s>", 6),
            "cls",
            named("<s>", 5),
            "trim_offsets",
            flag(),
            "add_prefix_space",
            flag());
      case 2:
        return byteLevel();
      case 3:
        JsonArray parts = new JsonArray();
        parts.add(byteLevel());
        parts.add(template());
        return component("Sequence", "processors", parts);
      default:
        return template();
    }
  }

  private JsonObject byteLevel() {
    return component(
        "ByteLevel", "add_prefix_space", flag(), "trim_offsets", flag(), "use_regex", flag());
  }

  private JsonObject template() {
    JsonObject tokens = new JsonObject();
    for (int id : new int[] {2, 3, 5}) {
      JsonObject token = new JsonObject();
      JsonArray ids = new JsonArray();
      ids.add(id);
      JsonArray names = new JsonArray();
      names.add(CONTROL[id]);
      token.addProperty("id", CONTROL[id]);
      token.add("ids", ids);
      token.add("tokens", names);
      tokens.add(CONTROL[id], token);
    }
    JsonArray single = new JsonArray();
    JsonArray pair = new JsonArray();
    special(single, pair, "[CLS]", 0);
    sequence(single, pair, "A", random.nextInt(2));
    special(single, pair, "[SEP]", random.nextInt(2));
    sequence(null, pair, "B", random.nextInt(2));
    special(null, pair, "<s>", 1);
    return component(
        "TemplateProcessing", "single", single, "pair", pair, "special_tokens", tokens);
  }

  private void special(JsonArray single, JsonArray pair, String id, int typeId) {
    if (!chance(4)) {
      add(single, pair, "SpecialToken", id, typeId);
    }
  }

  private void sequence(JsonArray single, JsonArray pair, String id, int typeId) {
    add(single, pair, "Sequence", id, typeId);
  }

  private static void add(JsonArray single, JsonArray pair, String kind, String id, int typeId) {
    JsonObject fields = new JsonObject();
    fields.addProperty("id", id);
    fields.addProperty("type_id", typeId);
    JsonObject part = new JsonObject();
    part.add(kind, fields);
    if (single != null) {
      single.add(part);
    }
    pair.add(part);
  }

  private JsonObject decoder(int depth) {
    switch (random.nextInt(depth > 0 ? 12 : 9)) {
      case 0:
        return component("BPEDecoder", "suffix", "</w>");
      case 1:
        return component("ByteFallback");
      case 2:
        return component(
            "ByteLevel", "add_prefix_space", flag(), "trim_offsets", flag(), "use_regex", flag());
      case 3:
        return component("CTC", "pad_token", "a", "word_delimiter_token", "▁", "cleanup", flag());
      case 4:
        return component("Fuse");
      case 5:
        return component(
            "Metaspace",
            "replacement",
            "▁",
            "prepend_scheme",
            texts.pick("always", "first", "never"),
            "split",
            flag());
      case 6:
        return component("Replace", "pattern", pattern(), "content", texts.pick(" ", "", "xy"));
      case 7:
        return component(
            "Strip", "content", texts.pick(" ", "▁", "a"), "start", random.nextInt(3), "stop", 0);
      case 8:
        return component("WordPiece", "prefix", "##", "cleanup", flag());
      default:
        JsonArray parts = new JsonArray();
        for (int i = random.nextInt(4); i > 0; i--) {
          parts.add(decoder(depth - 1));
        }
        return component("Sequence", "decoders", parts);
    }
  }
}
