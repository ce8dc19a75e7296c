package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.kernel.Backend;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command that tells users whether their model runs right must itself be right. */
class VerifyTest {
  private static final String FAMILY = "bert-model";

  /** What is no model by itself. */
  private static final Pattern NO_MODELS = Pattern.compile("ops|tokenizers");

  @TempDir Path folder;

  static Stream<String> instructionSets() {
    return Stream.of(Isa.PORTABLE, Isa.AVX2, Isa.AVX512, Isa.NEON)
        .filter(isa -> {
          try (NativeKernels kernels = NativeKernels.create(isa, 1)) {
            return kernels.isa() == isa;
          } catch (UnsupportedOperationException e) {
            return false;
          }
        })
        .map(isa -> isa.name().toLowerCase(Locale.ROOT));
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "java"})
  void everyCaseOfTheRepositoryPasses(String backend) {
    Outcome outcome =
        Outcome.of(
            "verify", "--backend", backend, Golden.FOLDER.toString(), Golden.MINILM.toString());
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.lastLine().matches("[1-9]\\d* passed, 0 failed"), outcome.lastLine());
    assertTrue(outcome.out().contains("minilm"), outcome.out());
    assertTrue(outcome.out().contains("tokenizers/wordpiece-bert"), outcome.out());
  }

  /**
   * Models alone: operators take the emulation minutes, and CTest runs its kernels by themselves.
   */
  @Test
  void everyModelOfTheRepositoryPassesOnTheEmulationOfCuda() throws IOException {
    try {
      Backend.CUDA_EMULATED.open(1).close();
    } catch (NativeLibraryException noCompiler) {
      abort(noCompiler.getMessage());
    }
    Stream<String> arguments = Stream.of("verify", "--backend", "cuda-emulated");
    List<String> models;
    try (Stream<Path> cases = Files.list(Golden.FOLDER)) {
      models =
          cases
              .filter(Files::isDirectory)
              .filter(path -> !NO_MODELS.matcher(path.getFileName().toString()).matches())
              .map(Path::toString)
              .toList();
    }
    Outcome outcome = Outcome.of(Stream.concat(arguments, models.stream()).toArray(String[]::new));
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.lastLine().matches(models.size() + " passed, 0 failed"), outcome.lastLine());
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
    assertTrue(printed.contains(" passed, 0 failed"), printed);
  }

  @ParameterizedTest
  @ValueSource(strings = {"native", "java"})
  void noCaseOfTheWholeCollectionFails(String backend) {
    if (Files.isDirectory(Golden.WHOLE)) {
      Outcome outcome = Outcome.of("verify", "--backend", backend, Golden.WHOLE.toString());
      assertEquals(2, outcome.status(), outcome::toString);
      assertTrue(outcome.lastLine().contains(" passed, 0 failed, "), outcome.lastLine());
      for (String name :
          new String[] {"roberta-model", "distilbert-model", "minilm", "bert-masked-lm"}) {
        assertTrue(
            outcome.lines().stream().anyMatch(line -> line.startsWith(name) && isOk(line)), name);
      }
    }
  }

  private static boolean isOk(String line) {
    return line.endsWith("ok") || line.contains("  ok: ");
  }

  @Test
  void resultsDoNotDependOnThreads() {
    String one = Outcome.of("verify", "--threads", "1", Golden.FOLDER.toString()).out();
    assertEquals(one, Outcome.of("verify", "--threads", "3", Golden.FOLDER.toString()).out());
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
    change.accept(tensors);
    SafetensorsWriter.write(file, tensors, Map.of());
  }
}
