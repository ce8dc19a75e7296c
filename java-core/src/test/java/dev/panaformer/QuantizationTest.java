package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Folders whose weights are packed. */
class QuantizationTest {
  @TempDir Path folder;

  /** Every family there is a case of, here and in the command line's resources. */
  static Stream<Arguments> models() throws IOException {
    Map<String, Path> cases = new LinkedHashMap<>();
    for (Path parent : List.of(GoldenCases.FOLDER, Path.of("../cli/src/test/resources/golden"))) {
      try (Stream<Path> folders = Files.list(parent)) {
        folders
            .filter(path -> Files.exists(path.resolve("model.safetensors")))
            .filter(QuantizationTest::isKnown)
            .sorted()
            .forEach(path -> cases.putIfAbsent(path.getFileName().toString(), path));
      }
    }
    return cases.entrySet().stream().map(entry -> Arguments.of(entry.getKey(), entry.getValue()));
  }

  private static boolean isKnown(Path path) {
    try {
      ModelConfig.of(ConfigJson.read(path.resolve("config.json")));
      return true;
    } catch (CheckpointException e) {
      return false;
    }
  }

  /** What is mapped is what is packed at load, on both kinds of kernels, byte for byte. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("models")
  void everyModelIsPackedAsAtLoad(String name, Path source) throws IOException {
    for (Precision precision : low()) {
      Path quantized = folder.resolve(name + "-" + precision);
      Quantization.write(source, quantized, precision);
      for (Backend backend : List.of(Backend.NATIVE, Backend.JAVA)) {
        try (Checkpoint file = ModelFolder.open(quantized).openWeights();
            Arena arena = Arena.ofConfined();
            Kernels kernels = backend.open(1, 0);
            NativeMemory memory = new NativeMemory();
            NativeMemory mapped = new NativeMemory();
            Checkpoint original = ModelFolder.open(source).openWeights()) {
          ModelConfig config = ModelConfig.of(ConfigJson.read(source.resolve("config.json")));
          try (Weights atLoad =
                  new Weights(
                      original, kernels, memory, config.weightNames(), precision.weightFormat());
              Weights packed =
                  new Weights(
                      file, kernels, mapped, config.weightNames(), Precision.FP32.weightFormat())) {
            config.load(atLoad.forStorage());
            config.load(packed.forStorage());
            assertEquals(precision.weightFormat(), packed.precision());
            assertFalse(atLoad.packedRead().isEmpty());
            for (Map.Entry<String, PackedWeight> entry : atLoad.packedRead().entrySet()) {
              MemorySegment stored = file.tensor(entry.getKey(), arena).data();
              assertEquals(-1, stored.mismatch(entry.getValue().segment()), entry.getKey());
            }
            assertEquals(atLoad.tensorsRead(), packed.tensorsRead());
            assertEquals(
                atLoad.packedRead().size() + atLoad.tensorsRead().size(), file.names().size());
            assertEquals(memory.bytes(), mapped.bytes());
          }
        }
      }
    }
  }

  private static List<Precision> low() {
    return Stream.of(Precision.values()).filter(p -> p != Precision.FP32).toList();
  }

  private Path tiny() {
    Path source = folder.resolve("source");
    new TinyModel("BertModel").write(source);
    return source;
  }

  private Path quantized(Precision precision) throws IOException {
    Path target = folder.resolve("quantized");
    Quantization.write(tiny(), target, precision);
    return target;
  }

  @ParameterizedTest
  @EnumSource(value = Precision.class, names = "FP32", mode = EnumSource.Mode.EXCLUDE)
  void textsHaveTheSameVectors(Precision precision) throws IOException {
    Path target = quantized(precision);
    for (Backend backend : List.of(Backend.NATIVE, Backend.JAVA)) {
      ModelOptions options = ModelOptions.DEFAULT.withBackend(backend);
      try (TextEmbedder atLoad =
              TextEmbedder.load(folder.resolve("source"), options.withPrecision(precision));
          TextEmbedder mapped = TextEmbedder.load(target, options);
          TextEmbedder asked = TextEmbedder.load(target, options.withPrecision(precision))) {
        float[] expected = atLoad.embed("i love you");
        assertArrayEquals(expected, mapped.embed("i love you"));
        assertArrayEquals(expected, asked.embed("i love you"));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = Precision.class, names = "FP32", mode = EnumSource.Mode.EXCLUDE)
  void decodersGiveTheSameScores(Precision precision) throws IOException {
    Path source = Path.of("../cli/src/test/resources/golden/gpt2-lm-generate");
    Path target = folder.resolve("quantized");
    Quantization.write(source, target, precision);
    int[] text = {5, 9, 60, 33, 7, 12, 40, 3, 3, 21};
    for (Backend backend : List.of(Backend.NATIVE, Backend.JAVA)) {
      CausalLMOptions options = CausalLMOptions.DEFAULT.withBackend(backend);
      try (CausalLM atLoad = CausalLM.load(source, options.withPrecision(precision));
          CausalLM mapped = CausalLM.load(target, options)) {
        assertArrayEquals(
            atLoad.score(text, 5).logProbabilities(), mapped.score(text, 5).logProbabilities());
        GenerationOptions greedy = GenerationOptions.builder().maxNewTokens(12).build();
        assertArrayEquals(
            atLoad.generate(text, greedy).result().ids(),
            mapped.generate(text, greedy).result().ids());
      }
    }
  }

  @Test
  void halfPrecisionFilesArePackedAsTheFloatsThatTheyAre() throws IOException {
    Path source = tiny();
    Path halves = folder.resolve("halves");
    Path floats = folder.resolve("floats");
    rewrite(source, halves, QuantizationTest::toBf16);
    rewrite(halves, floats, tensor -> Tensor.ofFloats(tensor.toFloats(), tensor.shape()));
    for (Precision precision : Precision.values()) {
      ModelOptions options = ModelOptions.DEFAULT.withPrecision(precision);
      try (TextEmbedder one = TextEmbedder.load(halves, options);
          TextEmbedder other = TextEmbedder.load(floats, options)) {
        assertArrayEquals(other.embed("i love you"), one.embed("i love you"));
      }
    }
  }

  @Test
  void foldersHaveTheUsualPermissions() throws IOException {
    Path target = quantized(Precision.INT8);
    Path usual = Files.createDirectory(folder.resolve("usual"));
    assertEquals(Files.getPosixFilePermissions(usual), Files.getPosixFilePermissions(target));
    Path file = Files.createFile(usual.resolve("file"));
    try (Stream<Path> files = Files.list(target)) {
      for (Path written : files.toList()) {
        assertEquals(
            Files.getPosixFilePermissions(file),
            Files.getPosixFilePermissions(written),
            written::toString);
      }
    }
  }

  @Test
  void tellsHowFarItIs() throws IOException {
    Map<String, Long> done = new LinkedHashMap<>();
    Map<String, Long> totals = new LinkedHashMap<>();
    Quantization.write(
        tiny(),
        folder.resolve("quantized"),
        Precision.INT8,
        (step, bytes, total) -> {
          assertTrue(bytes >= done.getOrDefault(step, 0L) && bytes <= total, step);
          done.put(step, bytes);
          totals.put(step, total);
        });
    assertEquals(List.of("Checking", "Packing", "Writing"), List.copyOf(done.keySet()));
    assertEquals(totals.get("Checking"), done.get("Checking"));
    assertEquals(totals.get("Writing"), done.get("Writing"));
    assertTrue(done.get("Packing") > 0.5 * totals.get("Packing"), done::toString);
  }

  private static Tensor toBf16(Tensor tensor) {
    float[] values = tensor.toFloats();
    ByteBuffer bytes = ByteBuffer.allocate(2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
    }
    return Tensor.of(DType.BF16, tensor.shape(), MemorySegment.ofArray(bytes.array()));
  }

  private static void rewrite(Path from, Path to, UnaryOperator<Tensor> change) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        if (!file.endsWith("model.safetensors")) {
          Files.copy(file, to.resolve(file.getFileName()));
        }
      }
    }
    try (SafetensorsCheckpoint checkpoint =
            SafetensorsCheckpoint.open(from.resolve("model.safetensors"));
        Arena arena = Arena.ofConfined()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      checkpoint
          .names()
          .forEach(name -> tensors.put(name, change.apply(checkpoint.tensor(name, arena))));
      SafetensorsWriter.write(to.resolve("model.safetensors"), tensors, checkpoint.metadata());
    }
  }

  /** Another writer aligns tensors to their elements alone; what lies askew is copied. */
  @Test
  void weightsThatLieAskewAreReadAllTheSame() throws IOException {
    Path target = quantized(Precision.INT8);
    float[] expected;
    try (TextEmbedder mapped = TextEmbedder.load(target)) {
      expected = mapped.embed("i love you");
    }
    Path file = target.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer askew = ByteBuffer.allocate(bytes.length + 8).order(ByteOrder.LITTLE_ENDIAN);
    int header = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    askew.putLong(header + 8).put(bytes, 8, header).put("        ".getBytes());
    askew.put(bytes, 8 + header, bytes.length - 8 - header);
    Files.write(file, askew.array());
    try (TextEmbedder copied = TextEmbedder.load(target)) {
      assertArrayEquals(expected, copied.embed("i love you"));
    }
  }

  private interface Damage {
    void to(Map<String, Tensor> tensors, Map<String, String> metadata);
  }

  private void assertRefused(String message, Precision asked, Damage damage) throws IOException {
    Path target = folder.resolve("damaged");
    Path file = target.resolve("model.safetensors");
    Quantization.write(folder.resolve("source"), target, Precision.INT8);
    try (SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (String name : checkpoint.names()) {
        Tensor tensor = checkpoint.tensor(name, arena);
        MemorySegment copy = arena.allocate(tensor.byteSize()).copyFrom(tensor.data());
        tensors.put(name, Tensor.of(tensor.dtype(), tensor.shape(), copy));
      }
      Map<String, String> metadata = new LinkedHashMap<>(checkpoint.metadata());
      damage.to(tensors, metadata);
      SafetensorsWriter.write(file, tensors, metadata);
    }
    for (Backend backend : List.of(Backend.NATIVE, Backend.JAVA)) {
      ModelOptions options = ModelOptions.DEFAULT.withBackend(backend).withPrecision(asked);
      Exception e =
          assertThrows(CheckpointException.class, () -> TextEmbedder.load(target, options));
      assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
      assertTrue(e.getMessage().contains(message), e.getMessage());
    }
    Files.walk(target).sorted((a, b) -> b.compareTo(a)).forEach(path -> path.toFile().delete());
  }

  @Test
  void damagedWeightsAreRefused() throws IOException {
    tiny();
    String words = "embeddings.word_embeddings.weight";
    Precision fp32 = Precision.FP32;
    // Magic number, precision, output and input features of the header.
    for (int offset : new int[] {0, 4, 8, 12, 16, 24}) {
      assertRefused(
          "tensor " + words,
          fp32,
          (tensors, metadata) -> {
            MemorySegment data = tensors.get(words).data();
            data.set(
                ValueLayout.JAVA_BYTE,
                offset,
                (byte) (data.get(ValueLayout.JAVA_BYTE, offset) ^ 4));
          });
    }
    assertRefused(
        "is no weight [36, 24] packed in int8",
        fp32,
        (tensors, metadata) ->
            tensors.computeIfPresent(
                words, (name, t) -> Tensor.of(DType.U8, new long[] {t.byteSize() - 64}, t.data())));
    assertRefused(
        "is no weight",
        fp32,
        (tensors, metadata) ->
            tensors.put(
                words, Tensor.of(DType.U8, new long[] {8}, MemorySegment.ofArray(new byte[8]))));
    assertRefused("no tensor " + words, fp32, (tensors, metadata) -> tensors.remove(words));
    assertRefused(
        "panaformer.layout is 9",
        fp32,
        (tensors, metadata) -> metadata.put("panaformer.layout", "9"));
    assertRefused(
        "panaformer.precision is int3",
        fp32,
        (tensors, metadata) -> metadata.put("panaformer.precision", "int3"));
    assertRefused(
        "is no weight", fp32, (tensors, metadata) -> metadata.put("panaformer.precision", "bf16"));
    assertRefused(
        "was quantized to int8, and cannot be loaded in bf16",
        Precision.BF16,
        (tensors, metadata) -> {});
  }

  @Test
  void nothingIsWrittenUnlessAllCanBe() throws IOException {
    Path source = tiny();
    Path target = folder.resolve("target");
    assertThrows(
        IllegalArgumentException.class, () -> Quantization.write(source, target, Precision.FP32));
    Path missing = folder.resolve("missing");
    assertThrows(
        CheckpointException.class, () -> Quantization.write(missing, target, Precision.INT8));
    Path strange = folder.resolve("strange");
    TinyModel model = new TinyModel("BertModel");
    float[] row = new float[TinyModel.HIDDEN];
    row[3] = Float.NaN;
    model.weights.put("embeddings.LayerNorm.bias", Tensor.ofFloats(row, row.length));
    model.write(strange);
    Exception e =
        assertThrows(
            CheckpointException.class, () -> Quantization.write(strange, target, Precision.INT8));
    assertTrue(e.getMessage().contains("tensor embeddings.LayerNorm.bias has 1 elements"));
    assertEquals(List.of("source", "strange"), entries());

    Quantization.write(source, target, Precision.INT8);
    assertThrows(
        FileAlreadyExistsException.class, () -> Quantization.write(source, target, Precision.INT8));
    Path again = folder.resolve("again");
    assertThrows(
        CheckpointException.class, () -> Quantization.write(target, again, Precision.INT8));
    assertEquals(List.of("source", "strange", "target"), entries());
    Files.createDirectories(again);
    Quantization.write(source, again, Precision.INT4);
    assertTrue(Files.exists(again.resolve("config.json")));
  }

  private List<String> entries() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }
}
