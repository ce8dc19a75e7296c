package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigJsonTest {
  private static final ConfigJson CONFIG =
      ConfigJson.parse(
          Path.of("config.json"),
          """
                  {"hidden_size": 768, "whole": 12.0, "eps": 1e-12, "act": "gelu", "yes": true,
                   "none": null, "half": 1.5, "huge": 1e300, "minus": -1,
                   "names": ["a", "b"], "labels": {"0": "x", "1": "y"}}
          """);

  @Test
  void readsFields() {
    assertEquals(768, CONFIG.requireInt("hidden_size", 1, 1000));
    assertEquals(12, CONFIG.requireInt("whole", 1, 1000));
    assertEquals(7, CONFIG.optionalInt("absent", 7, 1, 1000));
    assertEquals(1e-12, CONFIG.requireDouble("eps", 0, 1));
    assertEquals(0.5, CONFIG.optionalDouble("absent", 0.5, 0, 1));
    assertEquals("gelu", CONFIG.requireString("act"));
    assertEquals("relu", CONFIG.optionalString("none", "relu"));
    assertTrue(CONFIG.optionalBoolean("yes", false));
    assertFalse(CONFIG.has("none"));
    assertEquals(List.of("a", "b"), CONFIG.strings("names"));
    assertEquals(List.of(), CONFIG.strings("absent"));
    assertEquals(Map.of("0", "x", "1", "y"), CONFIG.stringMap("labels"));
  }

  @Test
  void namesFileFieldFoundAndExpected() {
    assertRefused(
        "absent is missing, expected an integer of at least 1",
        c -> c.requireInt("absent", 1, Integer.MAX_VALUE));
    assertRefused("minus is -1, expected an integer from 1 to 9", c -> c.requireInt("minus", 1, 9));
    assertRefused("half is 1.5, expected an integer from 0 to 9", c -> c.requireInt("half", 0, 9));
    assertRefused(
        "huge is 1.0E300, expected an integer from 0 to 9", c -> c.optionalInt("huge", 1, 0, 9));
    assertRefused(
        "act is \"gelu\", expected an integer from 0 to 9", c -> c.requireInt("act", 0, 9));
    assertRefused(
        "hidden_size is 768, expected a number from 0.0 to 1.0",
        c -> c.requireDouble("hidden_size", 0, 1));
    assertRefused("yes is true, expected a string", c -> c.requireString("yes"));
    assertRefused("act is \"gelu\", expected true or false", c -> c.optionalBoolean("act", true));
    assertRefused("labels is an object, expected an array of strings", c -> c.strings("labels"));
    assertRefused("names is [\"a\",\"b\"], expected an object", c -> c.stringMap("names"));
    assertRefused(
        "labels.2 is missing, expected a string", c -> c.object("labels").requireString("2"));
  }

  private static void assertRefused(String message, Function<ConfigJson, Object> read) {
    Exception e = assertThrows(CheckpointException.class, () -> read.apply(CONFIG));
    assertEquals("config.json: " + message, e.getMessage());
  }

  @Test
  void namesAnAbsentFile(@TempDir Path folder) {
    Path file = folder.resolve("config.json");
    Exception e = assertThrows(CheckpointException.class, () -> ConfigJson.read(file));
    assertEquals(file + ": no such file", e.getMessage());
  }
}
