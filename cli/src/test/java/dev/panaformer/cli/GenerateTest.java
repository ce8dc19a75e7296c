package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code generate} and {@code perplexity} on a small Llama that speaks in single letters. */
class GenerateTest {
  private static final String PROMPT = "a b c";

  @TempDir Path temporary;
  private String model;

  @BeforeEach
  void model() {
    model = Golden.modelWithVocabulary("llama-lm-generate", temporary.resolve("model")).toString();
  }

  private Outcome generate(String... more) {
    List<String> arguments =
        new ArrayList<>(List.of("generate", "--model", model, "--max-new-tokens", "12"));
    arguments.addAll(List.of(more));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  private String text(String... more) {
    Outcome outcome = generate(more);
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals("", outcome.err());
    return outcome.out();
  }

  @Test
  void continuesThePrompt() {
    String text = text("--prompt", PROMPT);
    assertTrue(text.strip().split(" +").length > 5, text);
    assertEquals(text, text("--prompt", PROMPT, "--backend", "java"));
    assertEquals(text, text("--prompt", PROMPT, "--threads", "1", "--temperature", "0"));
    assertEquals(
        text,
        Outcome.ofInput(PROMPT, "generate", "--model", model, "--max-new-tokens", "12").out());
    assertNotEquals(text, text("--prompt", PROMPT, "--repetition-penalty", "1.8"));
    assertNotEquals(text, text("--prompt", PROMPT, "--beams", "4"));
  }

  @Test
  void encoderDecodersAnswer() throws IOException {
    String t5 = Golden.modelWithVocabulary("t5-tiny", temporary.resolve("t5")).toString();
    String[] arguments = {"generate", "--model", t5, "-n", "8", "-p", PROMPT};
    Outcome outcome = Outcome.of(arguments);
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.out().strip().length() > 3, outcome.out());
    Outcome best =
        Outcome.of(
            "generate", "--model", t5, "-n", "8", "-p", PROMPT, "--beams", "3", "--n-best", "2");
    assertEquals(0, best.status(), best::toString);
    assertEquals(2, best.out().lines().filter(line -> line.matches("-\\d+\\.\\d{4}  .*")).count());
    Outcome wrong = Outcome.of("generate", "--model", t5, "-p", PROMPT, "--n-best", "2");
    assertEquals(2, wrong.status(), wrong::toString);
  }

  @Test
  void attentionIsDrawnWithTheTokensOnBothAxes() throws IOException {
    String t5 = Golden.modelWithVocabulary("t5-tiny", temporary.resolve("t5")).toString();
    Path image = temporary.resolve("attention.png");
    Outcome outcome =
        Outcome.of(
            "attention",
            "--model",
            t5,
            "--source",
            "a b c d",
            "--target",
            "e f",
            "--json",
            "--output",
            image.toString());
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.out().contains("\"source\":[\"[CLS]\",\"a\","), outcome.out());
    assertTrue(ImageIO.read(image.toFile()).getWidth() > 6 * 24);
    // What is there is written to, not deleted: it may be a link or a device.
    Path link = Files.createSymbolicLink(temporary.resolve("link.png"), image);
    Files.write(image, new byte[0]);
    Outcome.of(
        "attention", "--model", t5, "--source", "a", "--target", "b", "--output", link.toString());
    assertTrue(Files.isSymbolicLink(link) && Files.size(image) > 0);
    Outcome layer =
        Outcome.of(
            "attention",
            "--model",
            t5,
            "--source",
            "a",
            "--target",
            "b",
            "--layer",
            "2",
            "--output",
            image.toString());
    assertEquals(2, layer.status(), layer::toString);
    assertTrue(layer.err().contains("--layer is 2, expected 0 to 1"), layer.err());
  }

  @Test
  void aSeedDrawsTheSameAgain() {
    String[] options = {
      "-p",
      PROMPT,
      "--temperature",
      "1.5",
      "--top-k",
      "50",
      "--top-p",
      "0.95",
      "--min-p",
      "0.01",
      "--seed",
      "7"
    };
    String text = text(options);
    assertEquals(text, text(options));
    options[options.length - 1] = "8";
    assertNotEquals(text, text(options));
  }

  @Test
  void endsBeforeAStop() {
    String text = text("--prompt", PROMPT);
    String stop = text.strip().split(" +")[3];
    assertEquals(
        text.substring(0, text.indexOf(stop)) + System.lineSeparator(),
        text("--prompt", PROMPT, "--stop", stop, "--stop", "never said"));
  }

  @Test
  void tellsHowFastItWas() {
    Outcome outcome = generate("--prompt", PROMPT, "--stats");
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(
        outcome.err().matches("(?s)\\d+ tokens read, first token after .* ms; .* tokens/s; .*"),
        outcome.err());
  }

  /** A prompt comes from whoever starts the command, and may be a rendered template. */
  @Test
  void readsControlTokensUnlessToldNotTo() {
    assertTrue(generate("-p", "a [SEP] b", "--stats").err().startsWith("5 tokens read"));
    assertTrue(
        generate("-p", "a [SEP] b", "--stats", "--no-control-tokens")
            .err()
            .startsWith("7 tokens read"));
  }

  @Test
  void tellsProgramsWhatItDid() {
    String text = text("--prompt", PROMPT);
    JsonObject json = JsonParser.parseString(text("-p", PROMPT, "--json")).getAsJsonObject();
    assertEquals(text, json.get("text").getAsString() + System.lineSeparator());
    assertEquals(12, json.getAsJsonArray("ids").size());
    assertEquals("length", json.get("finish_reason").getAsString());
    assertEquals(false, json.has("ranking"));
    JsonObject best =
        JsonParser.parseString(text("-p", PROMPT, "--json", "--beams", "3", "--n-best", "2"))
            .getAsJsonObject();
    assertEquals(2, best.getAsJsonArray("ranking").size());
  }

  @Test
  void saysThatTheContextIsFull() {
    Outcome outcome = generate("-p", "a ".repeat(120));
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.err().contains("its context of 128 tokens is full"), outcome.err());
    assertEquals("", generate("-p", "a ".repeat(120), "--slide").err());
  }

  @Test
  void saysWhatIsWrong() {
    assertMisused("--temperature is -1.0, expected", generate("-p", PROMPT, "--temperature", "-1"));
    assertMisused("--top-p is 0.0, expected above 0", generate("-p", PROMPT, "--top-p", "0"));
    assertFails("at most 128 are allowed", generate("-p", "a ".repeat(200)));
    assertEquals(0, generate("-p", "a ".repeat(200), "--slide").status());
    assertEquals(2, Outcome.of("generate", "--prompt", PROMPT).status());
  }

  @Test
  void infoKnowsDecoders() {
    Outcome outcome = Outcome.of("info", "--model", model);
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(
        outcome.out().contains("2 layers, 64 hidden, 4 heads, 128 intermediate, 200 words, 128"),
        outcome.out());
  }

  private static void assertMisused(String expected, Outcome outcome) {
    assertEquals(2, outcome.status(), outcome::toString);
    assertTrue(outcome.err().contains(expected), outcome.err());
  }

  private static void assertFails(String expected, Outcome outcome) {
    assertEquals(1, outcome.status(), outcome::toString);
    assertTrue(outcome.err().contains(expected), outcome.err());
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "java"})
  void tellsThePerplexityOfAFile(String backend) throws IOException {
    Path file = temporary.resolve("text");
    Files.writeString(file, "the quick brown fox jumps over the lazy dog ".repeat(12));
    Outcome outcome =
        Outcome.of(
            "perplexity", "--model", model, "--backend", backend, "--stride", "40", file + "");
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(
        outcome.out().matches("perplexity \\d+\\.\\d{4}  loss \\d+\\.\\d{6}  tokens \\d+\\s+"),
        outcome.out());
    Outcome json =
        Outcome.of("perplexity", "--model", model, "--json", "--stride", "40", file + "");
    JsonObject score = JsonParser.parseString(json.out()).getAsJsonObject();
    assertEquals(Math.exp(score.get("loss").getAsDouble()), score.get("perplexity").getAsDouble());
    assertMisused(
        "--stride", Outcome.of("perplexity", "--model", model, "--stride", "0", file + ""));
    assertMisused("128", Outcome.of("perplexity", "--model", model, "--stride", "129", file + ""));
    Files.write(file, new byte[] {(byte) 0xFF, (byte) 0xFE});
    Outcome binary = Outcome.of("perplexity", "--model", model, file.toString());
    assertFails("not UTF-8 in line 1: its byte 1 is 0xFF", binary);
    assertFails("no such file", Outcome.of("perplexity", "--model", model, file + ".none"));
  }
}
