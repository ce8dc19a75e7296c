package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StrictJsonTest {
  @TempDir Path folder;

  @Test
  void readsWhatIsJson() {
    String json = "{\"a\": [1, -2.5e3, true, null, \"\\u00e9\\ud83d\\ude00\"], \"b\": {}}";
    assertEquals(
        "{\"a\":[1,-2500.0,true,null,\"é😀\"],\"b\":{}}",
        StrictJson.text(StrictJson.parse("x", bytes(json))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\\ud800\"}",
        "{\"a\":\"line\nbreak\"}",
        "{\"a\":TRUE}",
        "{\"a\":1} // no",
        "{\"a\":1}{\"b\":2}",
        "[1,2"
      })
  void refusesWhatIsNot(String json) {
    Exception e =
        assertThrows(CheckpointException.class, () -> StrictJson.parse("x.json", bytes(json)));
    assertTrue(e.getMessage().startsWith("x.json: "), e.getMessage());
  }

  @Test
  void refusesRepeatedNames() {
    Exception e =
        assertThrows(
            CheckpointException.class,
            () -> StrictJson.parse("x.json", bytes("{\"a\":{\"b\":1,\"b\":2}}")));
    assertEquals("x.json: $.a.b appears twice", e.getMessage());
  }

  @Test
  void refusesBytesThatAreNoText() {
    byte[] latin1 = "{\"é\":1}".getBytes(StandardCharsets.ISO_8859_1);
    Exception e = assertThrows(CheckpointException.class, () -> StrictJson.parse("x.json", latin1));
    assertEquals("x.json: not UTF-8", e.getMessage());
  }

  @Test
  void refusesDepth() {
    byte[] deep = bytes("[".repeat(1_000_000));
    Exception e = assertThrows(CheckpointException.class, () -> StrictJson.parse("x.json", deep));
    assertTrue(e.getMessage().contains("Nesting limit 64"), e.getMessage());
  }

  /** Two files' worth of holes: neither memory nor disk is taken. */
  @Test
  void refusesSize() throws IOException {
    Path file = folder.resolve("config.json");
    try (RandomAccessFile hole = new RandomAccessFile(file.toFile(), "rw")) {
      hole.setLength(1L << 31);
    }
    Exception e = assertThrows(CheckpointException.class, () -> StrictJson.readObject(file));
    assertEquals(file + ": 2147483648 bytes of JSON, expected at most 100000000", e.getMessage());
    OpenFiles.assertNoneIn(folder);
  }

  @Test
  void refusesOtherValuesThanObjects() throws IOException {
    Path file = Files.writeString(folder.resolve("config.json"), "[]");
    Exception e = assertThrows(CheckpointException.class, () -> StrictJson.readObject(file));
    assertEquals(file + ": expected a JSON object, found an array", e.getMessage());
  }

  private static byte[] bytes(String json) {
    return json.getBytes(StandardCharsets.UTF_8);
  }
}
