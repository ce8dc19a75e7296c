package dev.panaformer.bench.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.StringJoiner;
import java.util.regex.Pattern;

/**
 * The tokenizer of all-MiniLM-L6-v2 and, made of the whole words and beginnings of words in its
 * vocabulary, one of byte-level BPE and one of unigrams, with some 20 000 tokens each.
 */
final class TokenizerFiles {
  private static final String MINI_LM = "/all-minilm-l6-v2-tokenizer.json";

  private static final String[] WORDS =
      ("The animal didn't cross the street because it was too tired . Attention lets every token look"
              + " at every other one , and that costs time ; a service has little of it and many"
              + " callers , who wait for vectors of café menus, prices ($1,299.99) and e-mails")
          .split(" ");

  private TokenizerFiles() {}

  static String json(String kind) throws IOException {
    String wordPiece;
    try (InputStream in = TokenizerFiles.class.getResourceAsStream(MINI_LM)) {
      wordPiece = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    return switch (kind) {
      case "wordpiece" -> wordPiece;
      case "bytelevel-bpe" -> bytePairs(words(wordPiece));
      case "unigram" -> unigram(words(wordPiece));
      default -> throw new IllegalArgumentException(kind);
    };
  }

  /** The words of the vocabulary that consist of lower-case letters. */
  private static Set<String> words(String json) {
    Set<String> words = new LinkedHashSet<>();
    var matcher = Pattern.compile("\"([a-z]{2,})\":\\s*\\d+").matcher(json);
    while (matcher.find()) {
      words.add(matcher.group(1));
    }
    return words;
  }

  private static String bytePairs(Set<String> words) {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    for (int c = '!'; c <= 0x143; c++) {
      if (c <= '~' || c >= 0xA1 && c != 0xAD) {
        vocabulary.put(Character.toString(c), vocabulary.size());
      }
    }
    StringJoiner merges = new StringJoiner(",", "[", "]");
    Set<String> seen = new LinkedHashSet<>();
    for (String word : words) {
      for (String token : new String[] {"\u0120" + word, word}) {
        for (int end = 2; end <= token.length(); end++) {
          String left = token.substring(0, end - 1);
          String right = token.substring(end - 1, end);
          if (seen.add(left + " " + right)) {
            merges.add("[\"" + left + "\",\"" + right + "\"]");
            vocabulary.putIfAbsent(left + right, vocabulary.size());
          }
        }
      }
    }
    StringJoiner tokens = new StringJoiner(",", "{", "}");
    vocabulary.forEach((token, id) ->
        tokens.add("\"" + token.replace("\\", "\\\\").replace("\"", "\\\"") + "\":" + id));
    return "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],"
        + "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
        + "\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":null,\"decoder\":null,"
        + "\"model\":{\"type\":\"BPE\",\"vocab\":"
        + tokens
        + ",\"merges\":"
        + merges
        + "}}";
  }

  private static String unigram(Set<String> words) {
    StringJoiner pieces = new StringJoiner(",", "[", "]");
    pieces.add("[\"<unk>\",0]").add("[\"\u2581\",-3]");
    double score = -4;
    for (char c = '!'; c <= '~'; c++) {
      String piece = c == '"' || c == '\\' ? "\\" + c : String.valueOf(c);
      pieces.add("[\"" + piece + "\",-9]");
    }
    for (String word : words) {
      score -= 0.0004;
      pieces.add("[\"\u2581" + word + "\"," + score + "]").add("[\"" + word + "\"," + score + "]");
    }
    return "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],"
        + "\"normalizer\":{\"type\":\"NFKC\"},\"pre_tokenizer\":{\"type\":\"Metaspace\","
        + "\"replacement\":\"\u2581\",\"prepend_scheme\":\"always\",\"split\":true},"
        + "\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"Unigram\",\"unk_id\":0,"
        + "\"vocab\":"
        + pieces
        + "}}";
  }

  /** Texts of words drawn at random. */
  static String[] texts(int count, int words) {
    Random random = new Random(words);
    String[] texts = new String[count];
    for (int i = 0; i < count; i++) {
      StringJoiner text = new StringJoiner(" ");
      for (int w = 0; w < words; w++) {
        text.add(WORDS[random.nextInt(WORDS.length)]);
      }
      texts[i] = text.toString();
    }
    return texts;
  }
}
