package dev.panaformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.ProtobufMessage;
import dev.panaformer.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders as they are published: older formats, settings beside tokenizer.json, damaged files. */
class TokenizerFilesTest {
  private static final Path BUGHUNT = Path.of("../../shared/bughunt");

  @TempDir private Path folder;

  private static Path bughunt(String name) {
    Path path = BUGHUNT.resolve(name);
    assumeTrue(Files.isDirectory(path), path + " is absent");
    return path;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tok-added-tokens-decoder",
        "tok-additional-special-tokens",
        "tok-config-accents",
        "tok-config-add-prefix-space",
        "tok-config-lowercase",
        "tok-vocab-json-merges",
        "tok-vocab-txt-added-tokens-json",
        "abort-precompiled-charsmap-null"
      })
  void settingsAreApplied(String name) throws IOException {
    Path path = bughunt(name);
    Tokenizer tokenizer = Tokenizer.load(path);
    for (String line : Files.readAllLines(path.resolve("expected.jsonl"))) {
      JsonObject json = JsonParser.parseString(line).getAsJsonObject();
      String text = json.get("text").getAsString();
      assertArrayEquals(
          new Gson().fromJson(json.get("ids"), int[].class), tokenizer.ids(text), text);
    }
  }

  @Test
  void specialTokensOfTheSettingsAreOneToken() throws IOException {
    Path path = bughunt("tokenizer-config-ignored");
    JsonObject expected =
        JsonParser.parseString(Files.readString(path.resolve("expected.json"))).getAsJsonObject();
    int[] reference = new Gson().fromJson(expected.get("prompt_ids"), int[].class);
    Tokenizer tokenizer = Tokenizer.load(path);
    String prompt = "hello<|im_end|>world";
    assertTrue(tokenizer.id("<|im_end|>").isPresent());
    int[] asText = tokenizer.ids(prompt, ControlTokens.TEXT);
    int[] parsed = tokenizer.ids(prompt);
    assertTrue(parsed.length < asText.length, parsed.length + " of " + asText.length + " tokens");
    assertEquals(reference.length, parsed.length);
    assertArrayEquals(reference, parsed);
    int[] t5 = new Gson().fromJson(expected.getAsJsonObject("t5").get("expected_ids"), int[].class);
    assertEquals(
        expected.getAsJsonObject("t5").get("expected_text").getAsString(),
        Tokenizer.load(path.resolve("t5")).decode(t5, true));
  }

  @Test
  void morphologicalAnalysisIsRefused() {
    Path path = bughunt("tok-japanese-mecab");
    Exception e = assertThrows(CheckpointException.class, () -> Tokenizer.load(path));
    assertTrue(e.getMessage().contains("BertJapaneseTokenizer"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "robust-tokenizers/a-accent",
        "robust-tokenizers/a-zwsp-plain",
        "robust-tokenizers/b-re-lower",
        "robust-tokenizers/b-re-nfkc",
        "abort-added-token-normalised-away/model"
      })
  void whatEndedTheProcessEncodes(String name) {
    Tokenizer tokenizer = Tokenizer.load(bughunt(name));
    for (String text : List.of("Straße £5 € 日本", "I love 東京", "a\u0301 the\u200b", "")) {
      Encoding encoding = tokenizer.encode(text);
      assertArrayEquals(encoding.ids(), tokenizer.ids(text));
      for (int i = 0; i < encoding.length(); i++) {
        assertTrue(encoding.starts()[i] <= encoding.ends()[i], text);
        assertTrue(encoding.ends()[i] <= text.length(), text);
      }
    }
  }

  /** The first is exponential in Oniguruma; Java's engine remembers what has failed. */
  @Test
  void aPatternThatTakesTooLongEndsInAnException() throws IOException {
    Tokenizer exponential = Tokenizer.load(bughunt("robust-tokenizers/re1"));
    assertTrue(exponential.ids("a".repeat(40) + "b").length >= 3);
    write(
        "tokenizer.json",
        "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \".*.*.*.*=x\"},"
            + " \"behavior\": \"Isolated\", \"invert\": false}, \"model\": {\"type\":"
            + " \"WordLevel\", \"vocab\": {\"a\": 0}, \"unk_token\": \"a\"}}");
    Tokenizer polynomial = Tokenizer.load(folder);
    assertEquals(1, polynomial.ids("a".repeat(20)).length);
    String text = "a".repeat(5000);
    Exception e = assertThrows(CheckpointException.class, () -> polynomial.ids(text));
    assertTrue(e.getMessage().contains("takes too many steps"), e.getMessage());
  }

  @Test
  void aMillionSpacesAreLinear() {
    Tokenizer tokenizer = Tokenizer.load(bughunt("robust-tokenizers/llama3-regex"));
    String spaces = " ".repeat(1_000_000);
    assertEquals(512, tokenizer.ids(spaces, 512).length);
    assertEquals(spaces, tokenizer.decode(tokenizer.ids(spaces), true));
  }

  private void write(String name, String content) throws IOException {
    Files.writeString(folder.resolve(name), content);
  }

  private static ProtobufMessage piece(String text, double score, int type) {
    return new ProtobufMessage().text(1, text).float32(2, (float) score).varint(3, type);
  }

  private static ProtobufMessage model(int type, Map<String, Double> pieces) {
    ProtobufMessage model = new ProtobufMessage();
    pieces.forEach((text, score) -> {
      int kind = text.equals("<unk>") ? 2 : text.equals("<s>") || text.equals("</s>") ? 3 : 1;
      model.message(1, piece(text, score, kind));
    });
    return model
        .message(2, new ProtobufMessage().varint(3, type).varint(35, 0))
        .message(3, new ProtobufMessage().text(1, "identity").varint(3, 1).varint(4, 1));
  }

  private static Map<String, Double> pieces(Object... textsAndScores) {
    Map<String, Double> pieces = new java.util.LinkedHashMap<>();
    for (int i = 0; i < textsAndScores.length; i += 2) {
      pieces.put((String) textsAndScores[i], ((Number) textsAndScores[i + 1]).doubleValue());
    }
    return pieces;
  }

  @Test
  void sentencePieceOfT5() throws IOException {
    Files.write(
        folder.resolve("spiece.model"),
        model(
                1,
                pieces(
                    "<pad>", 0, "</s>", 0, "<unk>", 0, "▁", -2, "▁the", -3, "▁fox", -4, "es", -5))
            .toByteArray());
    write("tokenizer_config.json", "{\"tokenizer_class\": \"T5Tokenizer\", \"extra_ids\": 2}");
    Tokenizer tokenizer = Tokenizer.load(folder);
    assertArrayEquals(new int[] {4, 5, 6, 3, 2, 1}, tokenizer.ids("the  foxes q "));
    assertArrayEquals(new int[] {4, 8, 5, 1}, tokenizer.ids("the <extra_id_0> fox"));
    assertEquals("the fox", tokenizer.decode(new int[] {4, 5, 1}, true));
    assertEquals(9, tokenizer.vocabularySize());
  }

  @Test
  void sentencePieceOfXlmRoberta() throws IOException {
    Files.write(
        folder.resolve("sentencepiece.bpe.model"),
        model(1, pieces("<unk>", 0, "<s>", 0, "</s>", 0, "▁the", -3, "▁fox", -4)).toByteArray());
    write("tokenizer_config.json", "{\"tokenizer_class\": \"XLMRobertaTokenizer\"}");
    Tokenizer tokenizer = Tokenizer.load(folder);
    assertArrayEquals(new int[] {0, 4, 5, 2}, tokenizer.ids("the fox"));
    assertArrayEquals(new int[] {0, 4, 2, 2, 5, 2}, tokenizer.encode("the", "fox").ids());
    assertArrayEquals(new int[] {0, 4, 6, 2}, tokenizer.ids("the <mask>"));
  }

  @Test
  void sentencePieceOfLlama() throws IOException {
    Files.write(
        folder.resolve("tokenizer.model"),
        model(
                2,
                pieces(
                    "<unk>", 0, "<s>", 0, "</s>", 0, "▁t", -1, "he", -2, "▁the", -3, "▁", -4, "t",
                    -5, "h", -6, "e", -7))
            .toByteArray());
    write("tokenizer_config.json", "{\"tokenizer_class\": \"LlamaTokenizer\"}");
    Tokenizer tokenizer = Tokenizer.load(folder);
    assertArrayEquals(new int[] {1, 5, 3, 9}, tokenizer.ids("the te"));
    assertEquals("the te", tokenizer.decode(new int[] {1, 5, 3, 9}, true));
  }

  @Test
  void marian() throws IOException {
    Files.write(
        folder.resolve("source.spm"),
        model(1, pieces("<unk>", 0, "<s>", 0, "</s>", 0, "▁the", -3, "▁f", -4, "ox", -4))
            .toByteArray());
    write(
        "vocab.json",
        "{\"</s>\": 0, \"<unk>\": 1, \"ox\": 2, \"▁the\": 3, \"▁fox\": 4, \"▁f\": 5,"
            + " \"<pad>\": 6}");
    write("tokenizer_config.json", "{\"tokenizer_class\": \"MarianTokenizer\"}");
    Tokenizer tokenizer = Tokenizer.load(folder);
    // The target's ▁fox is no piece of the source.
    assertArrayEquals(new int[] {3, 5, 2, 0}, tokenizer.ids("the fox"));
    assertEquals("the fox", tokenizer.decode(new int[] {3, 4, 0}, true));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "{}",
        "{\"model\": 1}",
        "{\"model\": {\"vocab\": {}}}",
        "{\"model\": {\"vocab\": {\"a\": -1}}}",
        "{\"model\": {\"vocab\": {\"a\": 99999999999}}}",
        "{\"model\": {\"vocab\": {\"a\": 0, \"a\": 1}}}",
        "{\"model\": {\"vocab\": [[\"a\"]], \"type\": \"Unigram\"}}",
        "{\"model\": {\"vocab\": [[\"a\", 1e999]], \"type\": \"Unigram\"}}",
        "{\"model\": {\"vocab\": [[\"a\", 0]], \"unk_id\": 7, \"type\": \"Unigram\"}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [], \"dropout\": 0.1}}",
        "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0}, \"unk_token\": \"b\"}}",
        "{\"model\": {\"type\": \"Other\", \"vocab\": {\"a\": 0}}}"
      })
  void damagedFilesAreRefused(String json) throws IOException {
    write("tokenizer.json", json);
    Exception e = assertThrows(CheckpointException.class, () -> Tokenizer.load(folder));
    assertTrue(e.getMessage().contains("tokenizer.json"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"normalizer\": {\"type\": \"Upper\"}",
        "\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA\"}",
        "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(\"}, \"content\": \"\"}",
        "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a\\\\K\"}, \"content\": \"\"}",
        "\"pre_tokenizer\": {\"type\": \"FixedLength\", \"length\": 0}",
        "\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"No\"}",
        "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\"}",
        "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\":"
            + " \"B\", \"type_id\": 0}}], \"pair\": [], \"special_tokens\": {}}",
        "\"decoder\": {\"type\": \"Strip\", \"content\": \" \", \"start\": -1, \"stop\": 0}",
        "\"added_tokens\": [{\"id\": 1}]",
        "\"version\": \"2.0\""
      })
  void damagedComponentsAreRefused(String section) throws IOException {
    write(
        "tokenizer.json",
        "{"
            + section
            + ", \"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0},"
            + " \"unk_token\": \"a\"}}");
    Exception e = assertThrows(CheckpointException.class, () -> Tokenizer.load(folder));
    assertTrue(e.getMessage().contains("tokenizer.json"), e.getMessage());
  }

  @Test
  void deepNestingIsRefused() throws IOException {
    write(
        "tokenizer.json",
        "{\"normalizer\": " + "{\"type\": \"Sequence\", \"normalizers\": [".repeat(5000));
    assertThrows(CheckpointException.class, () -> Tokenizer.load(folder));
  }
}
