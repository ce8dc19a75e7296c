package dev.panaformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.GoldenCases;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The reference tokenizers, where their cases are at hand: 220 texts each. */
class GoldenTokenizerTest {
  /** The second text of every pair in the cases. */
  private static final String PAIR = "second segment!";

  @ParameterizedTest
  @ValueSource(
      strings = {"wordpiece-bert", "bytelevel-bpe-gpt2", "unigram-t5", "bpe-byte-fallback-llama"})
  void agrees(String name) throws IOException {
    Path folder = GoldenCases.FOLDER.resolve("tokenizers").resolve(name);
    assumeTrue(Files.isDirectory(folder), () -> folder + " is absent");
    try (Tokenizer tokenizer = Tokenizer.load(folder);
        Stream<String> lines = Files.lines(folder.resolve("expected.jsonl"))) {
      lines.forEach(line -> agrees(tokenizer, JsonParser.parseString(line).getAsJsonObject()));
    }
  }

  private static void agrees(Tokenizer tokenizer, JsonObject expected) {
    String text = expected.get("text").getAsString();
    Encoding encoding = tokenizer.encode(text);
    assertArrayEquals(ints(expected, "ids"), encoding.ids(), text);
    assertArrayEquals(ints(expected, "ids"), tokenizer.ids(text), text);
    assertArrayEquals(ints(expected, "type_ids"), encoding.typeIds(), text);
    assertArrayEquals(
        elements(expected, "tokens").map(JsonElement::getAsString).toArray(),
        encoding.tokens(),
        text);
    assertArrayEquals(
        elements(expected, "offsets").flatMapToInt(pair -> ints(pair.getAsJsonArray())).toArray(),
        IntStream.range(0, encoding.length())
            .flatMap(i ->
                IntStream.of(
                    text.codePointCount(0, encoding.starts()[i]),
                    text.codePointCount(0, encoding.ends()[i])))
            .toArray(),
        text);
    Encoding pair = tokenizer.encode(text, PAIR);
    assertArrayEquals(ints(expected, "pair_ids"), pair.ids(), text);
    assertArrayEquals(ints(expected, "pair_type_ids"), pair.typeIds(), text);
    assertArrayEquals(
        ints(expected, "ids_without_special"), tokenizer.encodePlain(text).ids(), text);
    assertEquals(
        expected.get("decoded").getAsString(), tokenizer.decode(encoding.ids(), true), text);
    assertEquals(
        expected.get("decoded_with_special").getAsString(),
        tokenizer.decode(encoding.ids(), false),
        text);
  }

  private static Stream<JsonElement> elements(JsonObject json, String field) {
    return StreamSupport.stream(json.getAsJsonArray(field).spliterator(), false);
  }

  private static int[] ints(JsonObject json, String field) {
    return ints(json.getAsJsonArray(field)).toArray();
  }

  private static IntStream ints(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonElement::getAsInt);
  }
}
