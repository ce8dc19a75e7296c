package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.cli.terminal.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --json} of the commands whose other tests do not show it. */
class JsonTest {
  /** Commands that have no results. */
  private static final Set<String> WITHOUT = Set.of("help", "completion", "bench", "test");

  @TempDir Path folder;

  @Test
  void everyCommandWithResultsPrintsThemForPrograms() {
    for (String command : UsageTest.commands()) {
      boolean has = Outcome.of(command, "--help").out().contains("--json");
      assertEquals(!WITHOUT.contains(command), has, command);
    }
  }

  private static List<JsonObject> lines(Outcome outcome) {
    assertFalse(outcome.lines().isEmpty(), outcome::toString);
    return outcome.lines().stream()
        .map(line -> JsonParser.parseString(line).getAsJsonObject())
        .toList();
  }

  @Test
  void verifyPrintsALineForEachComparisonAndCase() {
    List<JsonObject> lines =
        lines(Outcome.of("verify", "--json", Golden.FOLDER.resolve("bert-model").toString()));
    JsonObject comparison = lines.getFirst();
    assertEquals("bert-model", comparison.get("case").getAsString());
    assertTrue(comparison.get("ok").getAsBoolean());
    assertTrue(comparison.get("rel_l2").getAsDouble() < 1e-5);
    JsonObject finished = lines.get(lines.size() - 2);
    assertEquals("passed", finished.get("status").getAsString());
    assertEquals(1, lines.getLast().get("passed").getAsInt());
  }

  @Test
  void quantizeAndConvertTellWhatTheyWrote() throws IOException {
    Path target = folder.resolve("int8");
    JsonObject quantized =
        lines(
                Outcome.of(
                    "quantize",
                    "--json",
                    Golden.FOLDER.resolve("bert-model").toString(),
                    target.toString(),
                    "--precision",
                    "int8"))
            .getFirst();
    assertEquals(target.toString(), quantized.get("folder").getAsString());
    assertEquals("int8", quantized.get("precision").getAsString());
    assertEquals(
        Files.size(target.resolve("model.safetensors")), quantized.get("bytes").getAsLong());
    Path onnx = folder.resolve("model.onnx");
    CommandsTest.copyResource("/all-minilm-l6-v2.onnx", onnx);
    Path converted = folder.resolve("converted");
    JsonObject line = lines(Outcome.of("convert", "--json", onnx + "", converted + "")).getFirst();
    assertEquals(converted.toString(), line.get("folder").getAsString());
    assertTrue(line.get("bytes").getAsLong() > 80_000_000, line::toString);
  }

  private record Numbers(float one, double other, Double absent, float[] vector) {}

  @Test
  void whatIsNoNumberIsLeftOut() {
    assertEquals(
        "{\"one\":0.1,\"vector\":[1.0,null]}",
        Json.line(new Numbers(0.1f, Double.NaN, null, new float[] {1, Float.NEGATIVE_INFINITY})));
  }
}
