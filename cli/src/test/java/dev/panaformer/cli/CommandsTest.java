package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.panaformer.TextEmbedder;
import dev.panaformer.cli.conversion.DefaultModel;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands as a user runs them, on the real model and on small ones of every kind. */
class CommandsTest {
  private static final int DIMENSION = 384;

  @TempDir Path folder;

  private static JsonObject json(String line) {
    return JsonParser.parseString(line).getAsJsonObject();
  }

  @Test
  void embedsToOneJsonLineEach() {
    Outcome outcome = Outcome.of("embed", "I love you", "caf\u00e9 \uD83D\uDE00");
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals(2, outcome.lines().size());
    JsonObject first = json(outcome.lines().get(0));
    assertEquals(List.of("text", "tokens", "embedding"), List.copyOf(first.keySet()));
    assertEquals("I love you", first.get("text").getAsString());
    assertEquals(5, first.get("tokens").getAsInt());
    assertEquals(DIMENSION, first.getAsJsonArray("embedding").size());
    assertEquals("caf\u00e9 \uD83D\uDE00", json(outcome.lines().get(1)).get("text").getAsString());
  }

  @Test
  void readsTextsFromArgumentsFilesAndStdin() throws IOException {
    Path file = Files.writeString(folder.resolve("texts"), "\uFEFFone\r\ntwo\n\nfour");
    String fromFile = Outcome.of("embed", "--file", file.toString()).out();
    assertEquals(fromFile, Outcome.of("embed", "one", "two", "", "four").out());
    assertEquals(fromFile, Outcome.ofInput("one\ntwo\n\nfour\n", "embed").out());
    assertEquals(fromFile, Outcome.ofInput("four", "embed", "one", "two", "", "-").out());
    assertEquals(0, Outcome.ofInput("", "embed").status());
    Path latin =
        Files.write(folder.resolve("latin"), "caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
    Outcome outcome = Outcome.of("embed", "--file", latin.toString());
    assertEquals(1, outcome.status());
    assertTrue(
        outcome.err().contains("latin: not UTF-8 in line 1: its byte 4 is 0xE9"), outcome.err());
  }

  @Test
  void printsSimilarities() {
    Outcome outcome = Outcome.of("embed", "--similarity", "a cat", "a kitten", "tax law");
    assertEquals(0, outcome.status(), outcome::toString);
    String[] row = outcome.lines().get(0).trim().split(" +");
    assertEquals(1.0, Double.parseDouble(row[1]), 1e-4);
    assertTrue(Double.parseDouble(row[2]) > Double.parseDouble(row[3]) + 0.3);
  }

  @Test
  void classifiesTexts() {
    Path model = Golden.modelWithVocabulary("bert-sequence-classification", folder.resolve("m"));
    Outcome table = Outcome.of("classify", "--model", model.toString(), "a b c");
    assertEquals(0, table.status(), table::toString);
    assertEquals("a b c", table.lines().get(0));
    Outcome lines = Outcome.of("classify", "--json", "--model", model.toString(), "a b c", "d");
    JsonArray labels = json(lines.lines().get(0)).getAsJsonArray("labels");
    assertEquals(table.lines().size() - 1, labels.size());
    double sum = 0;
    for (int i = 0; i < labels.size(); i++) {
      sum += labels.get(i).getAsJsonObject().get("score").getAsDouble();
    }
    assertEquals(1, sum, 1e-5);
    Outcome best = Outcome.of("classify", "--top", "1", "--model", model.toString(), "a b c");
    assertEquals(table.lines().subList(0, 2), best.lines());
  }

  @Test
  void classifiesTokens() {
    Path model = Golden.modelWithVocabulary("bert-token-classification", folder.resolve("m"));
    Outcome outcome = Outcome.of("classify", "--json", "--model", model.toString(), "a b c d e f");
    assertEquals(0, outcome.status(), outcome::toString);
    JsonArray entities = json(outcome.lines().get(0)).getAsJsonArray("entities");
    assertFalse(entities.isEmpty());
    JsonObject first = entities.get(0).getAsJsonObject();
    assertEquals(
        first.get("text").getAsString(),
        "a b c d e f".substring(first.get("start").getAsInt(), first.get("end").getAsInt()));
  }

  @Test
  void fillsMasks() {
    Path model = Golden.modelWithVocabulary("bert-masked-lm", folder.resolve("m"));
    Outcome outcome =
        Outcome.of("fill-mask", "--top", "3", "--model", model.toString(), "a [MASK] b [MASK]");
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals(6, outcome.lines().stream().filter(line -> !line.isBlank()).count());
    Outcome none = Outcome.of("fill-mask", "--model", model.toString(), "a b");
    assertEquals(1, none.status());
    assertTrue(none.err().contains("[MASK]"), none.err());
    assertEquals(
        2, Outcome.of("fill-mask", "--top", "0", "--model", model.toString(), "a").status());
  }

  @Test
  void answersQuestions() throws IOException {
    Path model = Golden.modelWithVocabulary("bert-question-answering", folder.resolve("m"));
    String context = "a b c d e f g h i j";
    String[] arguments = {"answer", "--json", "--model", model.toString(), "x y z"};
    Outcome outcome = Outcome.of(concat(arguments, "--context", context));
    assertEquals(0, outcome.status(), outcome::toString);
    JsonObject answer = json(outcome.lines().get(0));
    assertEquals(
        answer.get("text").getAsString(),
        context.substring(answer.get("start").getAsInt(), answer.get("end").getAsInt()));
    Path file = Files.writeString(folder.resolve("context"), context);
    assertEquals(outcome, Outcome.of(concat(arguments, "--file", file.toString())));
    assertEquals(outcome, Outcome.ofInput(context, concat(arguments, "--file", "-")));
    assertEquals(2, Outcome.of(arguments).status());
  }

  private static String[] concat(String[] head, String... tail) {
    return Stream.concat(Stream.of(head), Stream.of(tail)).toArray(String[]::new);
  }

  @Test
  void tellsWhatAModelIs() throws IOException {
    Outcome outcome = Outcome.of("info", "--threads", "1");
    assertEquals(0, outcome.status(), outcome::toString);
    for (String expected : List.of("BertModel", "22,565,376", "6 layers", "1 thread", "F32")) {
      assertTrue(outcome.out().contains(expected), outcome.out());
    }
    Path model = Golden.copy("bert-model", folder.resolve("m"));
    Outcome lines = Outcome.of("info", "--json", "--check", "--model", model.toString());
    assertEquals(0, lines.status(), lines::toString);
    assertEquals(0, json(lines.out()).getAsJsonArray("non_finite").size());
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"gpt9\"}");
    Outcome unknown = Outcome.of("info", "--model", model.toString());
    assertEquals(1, unknown.status());
    assertTrue(unknown.out().contains("gpt9"), unknown.out());
  }

  @Test
  void tellsWhatSharedLayersTake() {
    Outcome outcome =
        Outcome.of("info", "--json", "--model", Golden.FOLDER.resolve("albert-small").toString());
    assertEquals(0, outcome.status(), outcome::toString);
    JsonObject sharing = json(outcome.out()).getAsJsonObject("sharing");
    assertEquals(4, sharing.get("layers").getAsInt());
    assertEquals(2, sharing.get("own").getAsInt());
    // A layer of 16 features and 24 inside: five matrices with their biases, and two norms.
    long layer = 4L * (4 * (16 * 16 + 16) + 24 * 16 + 24 + 16 * 24 + 16 + 4 * 16);
    assertEquals(2 * layer, sharing.get("apart").getAsLong() - sharing.get("memory").getAsLong());
  }

  @Test
  void namesWeightsThatAreNotFinite() throws IOException {
    Path model = Golden.copy("bert-model", folder.resolve("m"));
    try (FileChannel file =
        FileChannel.open(model.resolve("model.safetensors"), StandardOpenOption.WRITE)) {
      // The last float of the file.
      file.write(ByteBuffer.wrap(new byte[] {0, 0, (byte) 0xC0, 0x7F}), file.size() - 4);
    }
    assertEquals(0, Outcome.of("info", "--model", model.toString()).status());
    Outcome outcome = Outcome.of("info", "--check", "--model", model.toString());
    assertEquals(1, outcome.status());
    assertTrue(outcome.out().contains("1 of "), outcome.out());
    assertTrue(outcome.lastLine().contains("NaN or infinite"), outcome.out());
  }

  @Test
  void convertsAnExportWithTheSameBits() throws IOException {
    Path onnx = folder.resolve("model.onnx");
    copyResource("/all-minilm-l6-v2.onnx", onnx);
    copyResource("/all-minilm-l6-v2-tokenizer.json", folder.resolve("tokenizer.json"));
    Path converted = folder.resolve("converted");
    Outcome outcome = Outcome.of("convert", onnx.toString(), converted.toString());
    assertEquals(0, outcome.status(), outcome::toString);
    try (TextEmbedder before = TextEmbedder.load(folder);
        TextEmbedder after = TextEmbedder.load(converted)) {
      assertArrayEquals(before.embed("I love you"), after.embed("I love you"));
    }
    Outcome again = Outcome.of("convert", onnx.toString(), converted.toString());
    assertEquals(1, again.status());
    assertTrue(again.err().contains("exists already"), again.err());
    assertEquals(
        0, Outcome.of("convert", "--force", onnx.toString(), converted.toString()).status());
  }

  @Test
  void aFailedConversionLeavesNothing() throws IOException {
    Path onnx = Files.writeString(folder.resolve("broken.onnx"), "no protobuf");
    Outcome outcome = Outcome.of("convert", onnx.toString(), folder.resolve("out").toString());
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("broken.onnx"), outcome.err());
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(onnx), left.toList());
    }
  }

  static void copyResource(String name, Path file) throws IOException {
    try (InputStream in = CommandsTest.class.getResourceAsStream(name)) {
      Files.copy(in, file);
    }
  }

  @Test
  void aDamagedCacheIsMadeAnew() throws IOException {
    Path model = DefaultModel.folder();
    Path weights = model.resolve("model.safetensors");
    byte[] sound = Files.readAllBytes(weights);
    byte[] damaged = sound.clone();
    damaged[damaged.length / 2] ^= 1;
    Files.write(weights, damaged);
    assertEquals(model, DefaultModel.folder());
    assertArrayEquals(sound, Files.readAllBytes(weights));
    Files.delete(model.resolve("tokenizer.json"));
    assertEquals(0, Outcome.of("embed", "text").status());
    try (Stream<Path> siblings = Files.list(model.getParent())) {
      assertEquals(List.of(model), siblings.filter(Files::isDirectory).toList());
    }
  }

  /** The published model reads 256 tokens; the export alone would read 512. */
  @Test
  void theDefaultModelReadsAsManyTokensAsThePublishedOne() throws IOException {
    Path model = DefaultModel.folder();
    JsonObject info = json(Outcome.of("info", "--json").out());
    assertEquals(256, info.get("max_tokens").getAsInt());
    assertEquals("mean, normalised", info.get("pooling").getAsString());
    String beginning = "word ".repeat(254);
    Outcome outcome =
        Outcome.of("embed", "--similarity", beginning, beginning + "other ".repeat(99));
    assertTrue(outcome.lines().get(0).contains("1.0000   1.0000"), outcome::toString);
    // A folder as an earlier version left it: sound, but without these settings.
    Path settings = model.resolve("sentence_bert_config.json");
    Path checksums = model.resolve("checksums");
    Files.delete(settings);
    List<String> lines = Files.readAllLines(checksums);
    Files.write(checksums, lines.stream().filter(line -> !line.contains("sentence_bert")).toList());
    assertEquals(model, DefaultModel.folder());
    assertTrue(Files.exists(settings));
  }

  @Test
  void processesRepairTheCacheOneAfterTheOther() throws Exception {
    Files.delete(DefaultModel.folder().resolve("config.json"));
    List<Process> processes =
        List.of(embed("first").start(), embed("second").start(), embed("third").start());
    for (Process process : processes) {
      assertTrue(process.waitFor(2, TimeUnit.MINUTES));
      assertEquals(0, process.exitValue());
    }
  }

  @Test
  void namesWhatIsMissing() {
    Outcome outcome = Outcome.of("embed", "--model", folder.resolve("none").toString(), "text");
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("none"), outcome.err());
    assertEquals(1, outcome.err().lines().count(), outcome.err());
    assertEquals(2, Outcome.of("no-such-command").status());
    assertEquals(2, Outcome.of("classify", "text").status());
    assertEquals(2, Outcome.of().status());
  }

  @Test
  void runsAsAProcess() throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process =
        embed("I love you").redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    assertTrue(process.waitFor(2, TimeUnit.MINUTES));
    assertEquals(0, process.exitValue(), Files.readString(err));
    assertEquals("", Files.readString(err));
    assertEquals(DIMENSION, json(Files.readString(out)).getAsJsonArray("embedding").size());
  }

  private static ProcessBuilder embed(String text) {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-Dpanaformer.cache=" + System.getProperty("panaformer.cache"),
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName(),
            "embed",
            "--threads",
            "2",
            text)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .redirectError(ProcessBuilder.Redirect.INHERIT);
  }
}
