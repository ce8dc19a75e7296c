package dev.panaformer.generate.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonParser;
import dev.panaformer.GoldenCases;
import dev.panaformer.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DetokenizerTest {
  /** A vocabulary of the 256 bytes. */
  private static final Function<int[], String> BYTES =
      ids -> {
        byte[] bytes = new byte[ids.length];
        for (int i = 0; i < ids.length; i++) {
          bytes[i] = (byte) ids[i];
        }
        return new String(bytes, StandardCharsets.UTF_8);
      };

  private static List<String> pieces(Function<int[], String> decode, int[] ids, int prompt) {
    Detokenizer detokenizer = new Detokenizer(decode, Arrays.copyOf(ids, prompt));
    List<String> pieces = new ArrayList<>();
    for (int i = prompt; i < ids.length; i++) {
      pieces.add(detokenizer.append(ids[i]));
    }
    pieces.add(detokenizer.rest());
    return pieces;
  }

  private static int[] bytes(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = bytes[i] & 0xFF;
    }
    return ids;
  }

  @Test
  void neverShowsHalfACharacter() {
    assertEquals(
        List.of("a", "", "é", "", "", "", "😀", "z", ""), pieces(BYTES, bytes("aé😀z"), 0));
  }

  @Test
  void showsWhatNeverBecomesACharacter() {
    int[] ids = {'a', 0xFF, 0xFF, 0xFF, 0xFF, 'b', 0xE2};
    List<String> pieces = pieces(BYTES, ids, 0);
    assertEquals("a\uFFFD\uFFFD\uFFFD\uFFFDb\uFFFD", String.join("", pieces));
    assertEquals("\uFFFD", pieces.get(pieces.size() - 1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytelevel-bpe-gpt2", "bpe-byte-fallback-llama"})
  void piecesMakeTheText(String name) throws Exception {
    Path folder = GoldenCases.FOLDER.resolve("tokenizers").resolve(name);
    assumeTrue(Files.isDirectory(folder), () -> folder + " is absent");
    Tokenizer tokenizer = Tokenizer.load(folder);
    try (Stream<String> lines = Files.lines(folder.resolve("expected.jsonl"))) {
      Function<int[], String> decode = ids -> tokenizer.decode(ids, true);
      List<String> texts =
          lines
              .map(line -> JsonParser.parseString(line).getAsJsonObject())
              .map(json -> json.get("text").getAsString())
              .toList();
      for (String text : texts) {
        int[] ids = tokenizer.ids(text);
        for (int prompt : new int[] {0, Math.min(1, ids.length), ids.length / 2}) {
          String before = decode.apply(Arrays.copyOf(ids, prompt));
          String all = decode.apply(ids);
          List<String> pieces = pieces(decode, ids, prompt);
          if (all.startsWith(before)) {
            assertEquals(all.substring(before.length()), String.join("", pieces), text);
          }
          for (String piece : pieces) {
            if (!piece.isEmpty()) {
              assertFalse(Character.isLowSurrogate(piece.charAt(0)), text);
              assertFalse(Character.isHighSurrogate(piece.charAt(piece.length() - 1)), text);
            }
            assertTrue(text.contains("\uFFFD") || !piece.contains("\uFFFD"), text);
          }
        }
      }
    }
  }
}
