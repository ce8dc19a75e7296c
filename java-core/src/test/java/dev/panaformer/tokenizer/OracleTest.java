package dev.panaformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Our tokenizers against the reference, over drawn files and drawn texts. {@code
 * -Dpanaformer.oracle.texts=1000000} draws more of them, {@code -Dpanaformer.oracle.seed} others.
 */
class OracleTest {
  private static final long TEXTS = Long.getLong("panaformer.oracle.texts", 20_000);
  private static final long SEED = Long.getLong("panaformer.oracle.seed", 1);
  private static final int TEXTS_OF_A_FILE = 50;

  /** Of so many texts, one is compared in all fields and the others in their ids. */
  private static final int DETAILED = 5;

  private static final Gson GSON =
      new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

  @TempDir private Path folder;

  /** So many differences are reported, and then the test ends. */
  private static final int MAX_DIFFERENCES = 20;

  @Test
  void drawnFilesAndTextsAgree() throws IOException {
    List<String> differences = new ArrayList<>();
    long compared = 0;
    for (long file = 0; file * TEXTS_OF_A_FILE < TEXTS; file++) {
      if (differences.size() >= MAX_DIFFERENCES) {
        break;
      }
      Random random = new Random(SEED + file);
      String json = GSON.toJson(new DrawnTokenizers(random).next());
      DrawnTexts texts = new DrawnTexts(random);
      Tokenizer ours = load(json);
      try (RustTokenizer reference = new RustTokenizer(json)) {
        for (int i = 0; i < TEXTS_OF_A_FILE; i++) {
          String text = texts.next();
          String name = "file " + (SEED + file) + ", text " + escaped(text);
          compared++;
          try {
            if (i % DETAILED == 0) {
              compare(reference, ours, text, texts.next(), name);
            } else {
              assertArrayEquals(reference.ids(text), ours.ids(text), name);
            }
          } catch (AssertionError e) {
            differences.add(e.getMessage());
          }
        }
      }
    }
    assertEquals("", String.join("\n", differences));
    assertTrue(compared >= TEXTS, compared + " texts were compared");
  }

  private static void compare(
      RustTokenizer reference, Tokenizer ours, String text, String pair, String name) {
    Encoding expected = reference.encode(text, true);
    Encoding encoding = ours.encode(text);
    assertSame(expected, encoding, name);
    assertArrayEquals(expected.ids(), ours.ids(text), name);
    assertSame(reference.encode(text, false), ours.encodePlain(text), name + " alone");
    assertSame(
        reference.encode(text, pair), ours.encode(text, pair), name + ", pair " + escaped(pair));
    for (boolean skip : new boolean[] {true, false}) {
      assertEquals(reference.decode(expected.ids(), skip), ours.decode(expected.ids(), skip), name);
    }
  }

  static void assertSame(Encoding expected, Encoding actual, String name) {
    assertArrayEquals(expected.ids(), actual.ids(), name + ": ids");
    assertArrayEquals(expected.tokens(), actual.tokens(), name + ": tokens");
    assertArrayEquals(expected.typeIds(), actual.typeIds(), name + ": type ids");
    assertArrayEquals(expected.sequences(), actual.sequences(), name + ": sequences");
    assertArrayEquals(expected.starts(), actual.starts(), name + ": starts");
    assertArrayEquals(expected.ends(), actual.ends(), name + ": ends");
  }

  private Tokenizer load(String json) throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), json);
    return Tokenizer.load(folder);
  }

  /** A text without control tokens is tokenized as by a file that does not call them special. */
  @Test
  void controlTokensInTextsAreText() throws IOException {
    int different = 0;
    for (int file = 0; file < 100; file++) {
      Random random = new Random(SEED + file);
      JsonObject drawn = new DrawnTokenizers(random).next();
      // Only the control tokens are added, so that no other token can overlap them.
      com.google.gson.JsonArray control = new com.google.gson.JsonArray();
      drawn
          .getAsJsonArray("added_tokens")
          .forEach(token -> {
            if (token.getAsJsonObject().get("special").getAsBoolean()) {
              control.add(token);
            }
          });
      drawn.add("added_tokens", control);
      Tokenizer ours = load(GSON.toJson(drawn));
      drawn.add("added_tokens", new com.google.gson.JsonArray());
      DrawnTexts texts = new DrawnTexts(random);
      try (RustTokenizer reference = new RustTokenizer(GSON.toJson(drawn))) {
        for (int i = 0; i < 20; i++) {
          String text = texts.next() + texts.pick("[SEP]", "<s>", "[MASK] x", "<|im_end|>");
          String name = "file " + (SEED + file) + ", text " + escaped(text);
          assertSame(reference.encode(text, true), ours.encode(text, ControlTokens.TEXT), name);
          assertArrayEquals(reference.ids(text), ours.ids(text, ControlTokens.TEXT), name);
          different += Arrays.equals(ours.ids(text), ours.ids(text, ControlTokens.TEXT)) ? 0 : 1;
        }
      }
    }
    assertTrue(different > 100, "control tokens made a difference " + different + " times");
  }

  /** Long texts are read only in part, and that changes no token. */
  @Test
  void truncationReadsNoMoreThanItMust() throws IOException {
    for (int file = 0; file < 300; file++) {
      Random random = new Random(SEED + file);
      Tokenizer ours = load(GSON.toJson(new DrawnTokenizers(random).next()));
      DrawnTexts texts = new DrawnTexts(random);
      StringBuilder text = new StringBuilder();
      while (text.length() < 20_000) {
        text.append(texts.next());
      }
      Encoding whole = ours.encode(text.toString());
      for (int maxTokens : new int[] {4, 10, 100, 300, 1000}) {
        assertArrayEquals(
            whole.truncate(maxTokens).ids(),
            ours.ids(text.toString(), maxTokens),
            "file " + (SEED + file) + ", " + maxTokens + " tokens");
      }
    }
  }

  static String escaped(String text) {
    StringBuilder escaped = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      escaped.append(c >= ' ' && c < 0x7F ? String.valueOf(c) : String.format("\\u%04X", (int) c));
    }
    return escaped.append('"').toString();
  }
}
