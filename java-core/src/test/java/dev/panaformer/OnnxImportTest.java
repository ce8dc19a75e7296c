package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.TinyOnnx.Matrices;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.OnnxCheckpoint;
import dev.panaformer.checkpoint.OpenFiles;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights out of ONNX graphs: the same bits under the same names, or a refusal that tells why. */
class OnnxImportTest {
  private static final int HIDDEN = TinyModel.HIDDEN;
  private static final String NORM = "embeddings.LayerNorm.weight";

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource
  void allWeightsComeUnderTheirNames(Matrices matrices) {
    // What wraps the model goes, and what Hugging Face itself puts before the encoder stays.
    for (String wrapper : new String[] {"", "m.", "bert.", "model.bert."}) {
      String base = wrapper.endsWith("bert.") ? "bert." : "";
      TinyModel model = new TinyModel("BertModel");
      Path file = new TinyOnnx(model, matrices, wrapper).write(folder);
      try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(file);
          Arena arena = Arena.ofConfined()) {
        model.weights.forEach((name, weight) -> {
          Tensor tensor = checkpoint.tensor(base + name, arena);
          assertArrayEquals(weight.shape(), tensor.shape(), name);
          assertArrayEquals(weight.toFloats(), tensor.toFloats(), name);
        });
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void theModelComputesTheSameBits(Matrices matrices) throws IOException {
    TinyModel model = new TinyModel("BertModel");
    float[] expected;
    try (TextEmbedder embedder = TextEmbedder.load(model.write(folder))) {
      expected = embedder.embed("i love you");
    }
    Files.delete(folder.resolve("model.safetensors"));
    Files.delete(folder.resolve("config.json"));
    new TinyOnnx(model, matrices, "").write(folder);
    try (TextEmbedder embedder = TextEmbedder.load(folder)) {
      assertArrayEquals(expected, embedder.embed("i love you"));
    }
    OpenFiles.assertNoneIn(folder);
  }

  @Test
  void theGraphTellsTheArchitecture() {
    TinyModel model = new TinyModel("BertModel");
    Path file = new TinyOnnx(model, Matrices.BIAS_TELLS, "").write(folder);
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(file)) {
      BertConfig config = BertConfig.of(checkpoint.config());
      assertEquals(TinyModel.VOCAB, config.vocabSize());
      assertEquals(HIDDEN, config.hiddenSize());
      assertEquals(3, config.numAttentionHeads());
      assertEquals(2, config.numHiddenLayers());
      assertEquals(50, config.intermediateSize());
      assertEquals(TinyModel.POSITIONS, config.maxPositionEmbeddings());
      assertEquals(1e-12f, config.layerNormEps());
    }
  }

  @Test
  void weightsMayLieInAnotherFile() throws IOException {
    TinyModel model = new TinyModel("BertModel");
    TinyOnnx onnx = new TinyOnnx(model, Matrices.BIAS_TELLS, "");
    byte[] values = TinyOnnx.rawData(model.weights.get(NORM));
    Files.createDirectory(folder.resolve("data"));
    byte[] file = new byte[128 + values.length];
    System.arraycopy(values, 0, file, 128, values.length);
    Files.write(folder.resolve("data/weights"), file);
    onnx.replace(NORM, TinyOnnx.external(NORM, "data/weights", "128", "" + values.length, HIDDEN));
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(onnx.write(folder));
        Arena arena = Arena.ofConfined()) {
      assertArrayEquals(
          model.weights.get(NORM).toFloats(), checkpoint.tensor(NORM, arena).toFloats());
    }
    OpenFiles.assertNoneIn(folder);
  }

  @Test
  void elementsMayBeInTheFieldOfTheirType() {
    TinyModel model = new TinyModel("BertModel");
    TinyOnnx onnx = new TinyOnnx(model, Matrices.NAMED, "");
    float[] values = model.weights.get(NORM).toFloats();
    ByteBuffer half = ByteBuffer.wrap(TinyOnnx.rawData(model.weights.get(NORM)), 0, 2 * HIDDEN);
    byte[] packed = new byte[half.remaining()];
    half.get(packed);
    ProtobufMessage floats = TinyOnnx.tensor(NORM, TinyOnnx.FLOAT, HIDDEN).bytes(4, packed);
    for (int i = HIDDEN / 2; i < HIDDEN; i++) {
      floats.float32(4, values[i]);
    }
    onnx.replace(NORM, floats);
    String bias = "embeddings.LayerNorm.bias";
    ProtobufMessage halves = TinyOnnx.tensor(bias, TinyOnnx.FLOAT16, HIDDEN);
    for (float value : model.weights.get(bias).toFloats()) {
      halves.packed(5, Float.floatToFloat16(value) & 0xFFFF);
    }
    onnx.replace(bias, halves);
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(onnx.write(folder));
        Arena arena = Arena.ofConfined()) {
      assertArrayEquals(values, checkpoint.tensor(NORM, arena).toFloats());
      float[] rounded = model.weights.get(bias).toFloats();
      for (int i = 0; i < rounded.length; i++) {
        rounded[i] = Float.float16ToFloat(Float.floatToFloat16(rounded[i]));
      }
      assertArrayEquals(rounded, checkpoint.tensor(bias, arena).toFloats());
    }
  }

  static Stream<Arguments> broken() {
    String length = Integer.toString(HIDDEN * Float.BYTES);
    return Stream.of(
        broken("parent folder", external("../weights", "0", length), "../weights"),
        broken("absolute path", external("/etc/passwd", "0", length), "/etc/passwd"),
        broken("no location", external("", "0", length), "has no external location"),
        broken("missing file", external("none", "0", length), "none"),
        broken("beyond the file", external("small", "8", length), "which has 16"),
        broken("offset overflow", external("small", "9223372036854775807", length), "which has"),
        broken("negative offset", external("small", "-1", length), "external offset \"-1\""),
        broken("no number", external("small", "0", "many"), "external length \"many\""),
        broken("other length", external("small", "0", "4"), "has 4 bytes in"),
        broken(
            "too few bytes",
            replace(raw(new byte[8], HIDDEN)),
            "tensor " + NORM + " has 8 bytes, expected 96 for F32 [24]"),
        broken("negative size", replace(raw(new byte[8], -2)), "impossible shape [-2]"),
        broken(
            "overflow",
            replace(raw(new byte[8], 1L << 40, 1L << 40)),
            "impossible shape [1099511627776, 1099511627776]"),
        broken(
            "doubles",
            replace(TinyOnnx.tensor(NORM, TinyOnnx.DOUBLE, HIDDEN).bytes(9, new byte[8 * HIDDEN])),
            "tensor " + NORM + " has ONNX data type 11"),
        broken(
            "quantised",
            onnx -> onnx.nodes.add(TinyOnnx.node("DynamicQuantizeLinear", "q", "x")),
            "the model is quantised"),
        broken(
            "fused",
            onnx -> onnx.nodes.add(TinyOnnx.node("Attention", "q", "x").text(7, "com.microsoft")),
            "an optimiser has fused operators"),
        broken(
            "no weights",
            onnx -> {
              onnx.nodes.clear();
              onnx.initializers.clear();
            },
            "no graph, expected an ONNX model"),
        broken(
            "a tensor less",
            onnx -> onnx.initializers.remove("embeddings.word_embeddings.weight"),
            "word_embeddings"));
  }

  private static Arguments broken(String name, Consumer<TinyOnnx> spoil, String message) {
    return Arguments.of(Named.of(name, spoil), message);
  }

  private static Consumer<TinyOnnx> external(String location, String offset, String length) {
    return onnx -> onnx.replace(NORM, TinyOnnx.external(NORM, location, offset, length, HIDDEN));
  }

  private static Consumer<TinyOnnx> replace(ProtobufMessage by) {
    return onnx -> onnx.replace(NORM, by);
  }

  private static ProtobufMessage raw(byte[] bytes, long... shape) {
    return TinyOnnx.tensor(NORM, TinyOnnx.FLOAT, shape).bytes(9, bytes);
  }

  @ParameterizedTest
  @MethodSource("broken")
  void brokenModelsAreNamedAndClosed(Consumer<TinyOnnx> spoil, String message) throws IOException {
    TinyModel model = new TinyModel("BertModel");
    model.write(folder);
    Files.delete(folder.resolve("model.safetensors"));
    Files.write(folder.resolve("small"), new byte[16]);
    TinyOnnx onnx = new TinyOnnx(model, Matrices.NAMED, "");
    spoil.accept(onnx);
    onnx.write(folder);
    assertRefused(message);
  }

  @Test
  void truncatedFilesAreRefused() throws IOException {
    new TinyModel("BertModel").write(folder);
    Files.delete(folder.resolve("model.safetensors"));
    byte[] bytes = new TinyOnnx(new TinyModel("BertModel"), Matrices.BIAS_TELLS, "").bytes();
    for (int length : new int[] {0, 1, bytes.length / 2, bytes.length - 1}) {
      Files.write(folder.resolve("model.onnx"), Arrays.copyOf(bytes, length));
      assertRefused("model.onnx");
    }
    Files.write(folder.resolve("model.onnx"), "no protobuf".getBytes(StandardCharsets.US_ASCII));
    assertRefused("model.onnx");
  }

  private void assertRefused(String message) throws IOException {
    String found =
        assertThrows(CheckpointException.class, () -> TextEmbedder.load(folder).close())
            .getMessage();
    assertTrue(found.contains(message), found);
    assertTrue(found.contains(folder.toString()), found);
    OpenFiles.assertNoneIn(folder);
  }
}
