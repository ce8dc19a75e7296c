package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command that tells users whether their model runs right must itself be right. */
class VerifyTest {
  private static final String FAMILY = "bert-model";

  @TempDir Path folder;

  static Stream<String> instructionSets() {
    return InstructionSets.available().stream().map(isa -> isa.name().toLowerCase(Locale.ROOT));
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "java"})
  void printsWhatItComputesOnAndCounts(String backend) {
    Outcome outcome =
        Outcome.of(
            "verify",
            "--backend",
            backend,
            Golden.FOLDER.resolve(FAMILY).toString(),
            Golden.FOLDER.resolve("tokenizers").toString());
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals("2 passed, 0 failed", outcome.lastLine());
    assertTrue(outcome.err().contains("computing with " + backend), outcome::toString);
    assertTrue(outcome.out().contains("wordpiece-bert"), outcome.out());
    for (String line : outcome.lines().subList(0, outcome.lines().size() - 1)) {
      assertTrue(line.endsWith("ok"), line);
    }
  }

  @ParameterizedTest
  @MethodSource("instructionSets")
  void everyCaseOfTheRepositoryPassesOnEveryInstructionSet(String isa) throws Exception {
    Path output = folder.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-Dpanaformer.cache=" + System.getProperty("panaformer.cache"),
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName(),
            "verify",
            Golden.FOLDER.toString());
    builder.environment().put("PANAFORMER_ISA", isa);
    Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    int status = process.waitFor();
    String printed = Files.readString(output);
    assertEquals(0, status, printed);
    assertTrue(printed.contains("native " + isa), printed);
    long listed = Files.readAllLines(Golden.FOLDER.resolve("cases.txt")).size();
    // The list has a case of the real model, which is not in this folder.
    assertTrue(printed.contains(listed - 1 + " passed, 0 failed"), printed);
  }

  @Test
  void resultsDoNotDependOnThreads() throws IOException {
    Path one = folder.resolve("1");
    String printed =
        Outcome.of(
                "verify", "--threads", "1", "--outputs", one.toString(), Golden.FOLDER.toString())
            .out();
    for (String threads : new String[] {"2", "3"}) {
      Path outputs = folder.resolve(threads);
      assertEquals(
          printed,
          Outcome.of(
                  "verify",
                  "--threads",
                  threads,
                  "--outputs",
                  outputs.toString(),
                  Golden.FOLDER.toString())
              .out());
      try (Stream<Path> files = Files.walk(one)) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          Path other = outputs.resolve(one.relativize(file));
          assertEquals(-1, Files.mismatch(file, other), other::toString);
        }
      }
    }
  }

  @Test
  void writesWhatWasComputed() throws IOException {
    Path outputs = folder.resolve("outputs");
    List<String> arguments = new ArrayList<>(List.of("verify", "--outputs", outputs.toString()));
    List<String> models = List.of("gpt2-lm-generate", "bert-model", "vit-small");
    models.forEach(name -> arguments.add(Golden.FOLDER.resolve(name).toString()));
    arguments.add(Golden.FOLDER.resolve("tokenizers/wordpiece-bert").toString());
    Outcome outcome = Outcome.of(arguments.toArray(String[]::new));
    assertEquals(0, outcome.status(), outcome::toString);
    for (String name : models) {
      Map<String, Tensor> expected =
          read(Golden.FOLDER.resolve(name).resolve("outputs.safetensors"));
      Map<String, Tensor> ours = read(outputs.resolve(name + ".safetensors"));
      assertEquals(expected.keySet(), ours.keySet());
      expected.forEach((output, tensor) ->
          assertEquals(tensor.shapeString(), ours.get(output).shapeString(), output));
    }
    assertArrayEquals(
        read(Golden.FOLDER.resolve("gpt2-lm-generate/outputs.safetensors"))
            .get("generated_beam4")
            .toLongs(),
        read(outputs.resolve("gpt2-lm-generate.safetensors")).get("generated_beam4").toLongs());
    assertTrue(read(outputs.resolve("wordpiece-bert.safetensors")).containsKey("pair_ids"));
  }

  @Test
  void whatIsWrittenHasItsOwnName() {
    String collection = Golden.FOLDER.resolve("ops").toString();
    Outcome outcome = Outcome.of("verify", "--outputs", folder.toString(), collection, collection);
    assertEquals(1, outcome.status(), outcome::toString);
    assertTrue(outcome.err().contains("two cases are called"), outcome.err());
  }

  @Test
  void aWrongWeightFails() throws IOException {
    Path copy = Golden.copy(FAMILY, folder.resolve("case"));
    rewrite(
        copy.resolve("model.safetensors"),
        tensors ->
            tensors.replaceAll((name, tensor) ->
                name.endsWith("layer.1.output.LayerNorm.bias") ? map(tensor, 1e-3f) : tensor));
    assertFails(copy, "last_hidden_state", "0 passed, 1 failed");
  }

  @Test
  void nanFailsAndIsNamed() throws IOException {
    Path copy = Golden.copy(FAMILY, folder.resolve("case"));
    rewrite(
        copy.resolve("model.safetensors"),
        tensors ->
            tensors.replaceAll((name, tensor) ->
                name.endsWith("layer.1.output.LayerNorm.bias") ? map(tensor, Float.NaN) : tensor));
    assertFails(copy, "NaN", "0 passed, 1 failed");
  }

  @Test
  void anOutputThatIsNotProducedFails() throws IOException {
    Path copy = Golden.copy(FAMILY, folder.resolve("case"));
    rewrite(
        copy.resolve("outputs.safetensors"),
        tensors -> tensors.put("attentions.0", Tensor.ofFloats(new float[] {1}, 1)));
    assertFails(copy, "FAIL: not produced", "0 passed, 1 failed");
  }

  @Test
  void anOutputOfAnotherShapeFails() throws IOException {
    Path copy = Golden.copy(FAMILY, folder.resolve("case"));
    rewrite(
        copy.resolve("outputs.safetensors"),
        tensors -> tensors.put("last_hidden_state", Tensor.ofFloats(new float[4], 2, 2)));
    assertFails(copy, "FAIL: ours is", "0 passed, 1 failed");
  }

  @Test
  void otherTokensFail() throws IOException {
    Path copy = Golden.copy("tokenizers/wordpiece-bert", folder.resolve("case"));
    Path lines = copy.resolve("expected.jsonl");
    Files.writeString(lines, Files.readString(lines).replaceFirst("\"ids\": \\[2", "\"ids\": [7"));
    assertFails(copy, "1 differ, first", "0 passed, 1 failed");
  }

  @Test
  void positionsMayBeGiven() throws IOException {
    Path copy = Golden.copy(FAMILY, folder.resolve("case"));
    Path inputs = copy.resolve("inputs.safetensors");
    long[] shape;
    try (SafetensorsCheckpoint file = SafetensorsCheckpoint.open(inputs);
        Arena arena = Arena.ofConfined()) {
      shape = file.tensor("input_ids", arena).shape();
    }
    long[] positions = new long[(int) shape[1]];
    Arrays.setAll(positions, i -> i);
    rewrite(inputs, tensors -> tensors.put("position_ids", Tensor.ofLongs(positions, 1, shape[1])));
    Outcome outcome = Outcome.of("verify", copy.toString());
    assertEquals(0, outcome.status(), outcome::toString);
    Arrays.setAll(positions, i -> i + 1);
    rewrite(inputs, tensors -> tensors.put("position_ids", Tensor.ofLongs(positions, 1, shape[1])));
    assertFails(copy, "last_hidden_state", "0 passed, 1 failed");
  }

  @Test
  void whatIsNotSupportedIsCountedApart() throws IOException {
    Path copy = Golden.copy(FAMILY, folder.resolve("case"));
    Files.writeString(copy.resolve("config.json"), "{\"model_type\": \"gpt9\"}");
    Outcome outcome = Outcome.of("verify", copy.toString());
    assertEquals(2, outcome.status(), outcome::toString);
    assertEquals("0 passed, 0 failed, 1 unsupported", outcome.lastLine());
    assertTrue(outcome.out().contains("gpt9"), outcome.out());
  }

  @Test
  void aFailureOutweighsWhatIsNotSupported() throws IOException {
    Path other = Golden.copy(FAMILY, folder.resolve("cases/a"));
    Files.writeString(other.resolve("config.json"), "{\"model_type\": \"gpt9\"}");
    Path broken = Golden.copy(FAMILY, folder.resolve("cases/b"));
    Files.delete(broken.resolve("model.safetensors"));
    Golden.copy(FAMILY, folder.resolve("cases/c"));
    Outcome outcome = Outcome.of("verify", folder.resolve("cases").toString());
    assertEquals(1, outcome.status(), outcome::toString);
    assertEquals("1 passed, 1 failed, 1 unsupported", outcome.lastLine());
  }

  @Test
  void aFolderOfNoKnownKindIsNamed() throws IOException {
    Golden.copy(FAMILY, folder.resolve("cases/a"));
    Files.writeString(Files.createDirectories(folder.resolve("cases/b")).resolve("x.bin"), "x");
    Outcome outcome = Outcome.of("verify", folder.resolve("cases").toString());
    assertEquals(2, outcome.status(), outcome::toString);
    assertEquals("1 passed, 0 failed, 1 unsupported", outcome.lastLine());
    assertTrue(outcome.out().contains("b  unsupported: no case of a known kind"), outcome.out());
  }

  @Test
  void aFolderWithoutCasesIsAnError() {
    Outcome outcome = Outcome.of("verify", folder.toString());
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains(folder + ": no case there"), outcome.err());
    assertEquals(1, Outcome.of("verify", folder.resolve("none").toString()).status());
    assertEquals(2, Outcome.of("verify").status());
  }

  private static void assertFails(Path copy, String expected, String lastLine) {
    Outcome outcome = Outcome.of("verify", copy.toString());
    assertEquals(1, outcome.status(), outcome::toString);
    assertTrue(
        outcome.lines().stream().anyMatch(l -> l.contains("FAIL") && l.contains(expected)),
        outcome.out());
    assertEquals(lastLine, outcome.lastLine());
  }

  private static Tensor map(Tensor tensor, float summand) {
    float[] values = tensor.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] += summand;
    }
    return Tensor.ofFloats(values, tensor.shape());
  }

  private static void rewrite(Path file, Consumer<Map<String, Tensor>> change) throws IOException {
    Map<String, Tensor> tensors = read(file);
    change.accept(tensors);
    SafetensorsWriter.write(file, tensors, Map.of());
  }

  private static Map<String, Tensor> read(Path file) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      for (String name : checkpoint.names()) {
        Tensor tensor = checkpoint.tensor(name, arena);
        tensors.put(
            name,
            tensor.dtype() == DType.I64
                ? Tensor.ofLongs(tensor.toLongs(), tensor.shape())
                : Tensor.ofFloats(tensor.toFloats(), tensor.shape()));
      }
    }
    return tensors;
  }
}
