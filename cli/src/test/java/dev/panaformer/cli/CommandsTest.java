package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands as a user runs them, on cases of the repository and on the real model. */
class CommandsTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final Path ALL_GOLDEN =
      Path.of(System.getProperty("panaformer.golden", "../../shared/golden"));
  private static final List<String> SUPPORTED =
      List.of(
          "bert-model",
          "bert-masked-lm",
          "bert-sequence-classification",
          "bert-token-classification",
          "bert-question-answering",
          "roberta-model",
          "distilbert-model");

  @TempDir Path folder;

  private record Outcome(int status, String out, String err) {
    String lastLine() {
      return out.lines().reduce("", (a, b) -> b);
    }
  }

  private static Outcome run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status = Main.run(new PrintWriter(out), new PrintWriter(err), arguments);
    return new Outcome(status, out.toString(), err.toString());
  }

  @Test
  void embedsToOneJsonLineEach() {
    Outcome outcome = run("embed", "I love you", "caf\u00e9");
    assertEquals(0, outcome.status(), outcome.err());
    List<String> lines = outcome.out().lines().toList();
    assertEquals(2, lines.size());
    JsonObject first = JsonParser.parseString(lines.get(0)).getAsJsonObject();
    assertEquals("I love you", first.get("text").getAsString());
    assertEquals(5, first.get("tokens").getAsInt());
    assertEquals(384, first.getAsJsonArray("embedding").size());
  }

  @Test
  void printsSimilarities() {
    Outcome outcome = run("embed", "--similarity", "a cat", "a kitten", "tax law");
    assertEquals(0, outcome.status(), outcome.err());
    String[] row = outcome.out().lines().findFirst().orElseThrow().trim().split(" +");
    assertEquals(1.0, Double.parseDouble(row[1]), 1e-4);
    assertTrue(Double.parseDouble(row[2]) > Double.parseDouble(row[3]) + 0.3);
  }

  @Test
  void namesWhatIsMissing() {
    Outcome outcome = run("embed", "--model", folder.resolve("none").toString(), "text");
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("none"), outcome.err());
    assertEquals(1, run("verify", folder.toString()).status());
    assertEquals(2, run("no-such-command").status());
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "java"})
  void everyCaseOfTheRepositoryPasses(String backend) {
    Outcome outcome = run("verify", "--backend", backend, GOLDEN.toString());
    assertEquals(0, outcome.status(), outcome.out() + outcome.err());
    assertTrue(outcome.lastLine().matches("[1-9]\\d* passed, 0 failed"), outcome.lastLine());
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "java"})
  void everyCaseOfTheWholeCollectionThatIsSupportedPasses(String backend) {
    if (Files.isDirectory(ALL_GOLDEN)) {
      String[] arguments =
          Stream.concat(
                  Stream.of("verify", "--backend", backend),
                  Stream.concat(SUPPORTED.stream(), Stream.of("ops", "minilm"))
                      .map(name -> ALL_GOLDEN.resolve(name).toString()))
              .toArray(String[]::new);
      Outcome outcome = run(arguments);
      assertEquals(2, outcome.status(), outcome.out() + outcome.err());
      assertTrue(outcome.lastLine().contains(" 0 failed, "), outcome.lastLine());
    }
  }

  @Test
  void aWrongWeightFails() throws IOException {
    Path copy = Files.createDirectory(folder.resolve("case"));
    try (Stream<Path> files = Files.list(GOLDEN.resolve("bert-model"))) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    byte[] weights = Files.readAllBytes(copy.resolve("model.safetensors"));
    for (int i = 0; i < 4096; i += 4) {
      weights[weights.length - 1 - i] ^= 0x01;
    }
    Files.write(copy.resolve("model.safetensors"), weights);
    Outcome outcome = run("verify", copy.toString());
    assertEquals(1, outcome.status(), outcome.out());
    assertEquals("0 passed, 1 failed", outcome.lastLine());
  }

  @Test
  void unknownFamiliesAreCountedApart() throws IOException {
    Path copy = Files.createDirectory(folder.resolve("case"));
    Files.writeString(copy.resolve("config.json"), "{\"model_type\": \"gpt9\"}");
    Files.writeString(copy.resolve("meta.json"), "{}");
    Files.writeString(copy.resolve("outputs.safetensors"), "");
    Outcome outcome = run("verify", copy.toString());
    assertEquals(2, outcome.status(), outcome.out());
    assertEquals("0 passed, 0 failed, 1 unsupported", outcome.lastLine());
  }
}
