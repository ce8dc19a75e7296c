package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Checkpoints that cannot be used are refused by name, and nothing of them stays. */
class LoadTest {
  private static final int LOOKS = 20;

  private static final ModelOptions OPTIONS =
      ModelOptions.DEFAULT.withBackend(Backend.NATIVE).withThreads(3);

  @TempDir Path folder;

  static Stream<Arguments> broken() {
    return Stream.of(
        broken(
            "missing",
            m -> m.weights.remove("encoder.layer.1.attention.self.key.bias"),
            "model.safetensors: no tensor encoder.layer.1.attention.self.key.bias or"
                + " bert.encoder.layer.1.attention.self.key.bias, expected floats [24]"),
        broken(
            "shape",
            m -> m.tensor("encoder.layer.0.intermediate.dense.weight", 24, 50),
            "model.safetensors: tensor encoder.layer.0.intermediate.dense.weight is F32 [24, 50],"
                + " expected floats [50, 24]"),
        broken(
            "dtype",
            m -> m.weights.put("embeddings.LayerNorm.bias", Tensor.ofLongs(new long[24], 24)),
            "model.safetensors: tensor embeddings.LayerNorm.bias is I64 [24], expected floats"
                + " [24]"),
        broken(
            "a lie that no memory could hold",
            m -> m.config.addProperty("vocab_size", 2_000_000_000),
            "embeddings.word_embeddings.weight is F32 [36, 24], expected floats [2000000000, 24]"),
        broken(
            "model_type",
            m -> m.config.addProperty("model_type", "t5"),
            "config.json: model_type is \"t5\", expected one of [bert, roberta,"),
        broken("no model_type", m -> m.config.remove("model_type"), "model_type is missing"),
        broken(
            "hidden_act",
            m -> m.config.addProperty("hidden_act", "mish"),
            "config.json: hidden_act is \"mish\", expected one of [gelu,"),
        broken(
            "position_embedding_type",
            m -> m.config.addProperty("position_embedding_type", "relative_key"),
            "config.json: position_embedding_type is \"relative_key\", expected \"absolute\""),
        broken(
            "is_decoder",
            m -> m.config.addProperty("is_decoder", true),
            "config.json: is_decoder is true, expected false"),
        broken(
            "heads",
            m -> m.config.addProperty("num_attention_heads", 5),
            "config.json: num_attention_heads is 5, expected a divisor of the hidden size 24"),
        broken(
            "layers",
            m -> m.config.addProperty("num_hidden_layers", 3),
            "no tensor encoder.layer.2.attention.self.query.weight or"),
        broken(
            "negative",
            m -> m.config.addProperty("intermediate_size", -50),
            "config.json: intermediate_size is -50, expected an integer from 1"),
        broken(
            "problem_type",
            m -> m.config.addProperty("problem_type", "guesswork"),
            "config.json: problem_type is \"guesswork\", expected one of regression,"),
        broken(
            "id2label",
            m -> {
              JsonObject labels = new JsonObject();
              labels.addProperty("1", "yes");
              m.config.add("id2label", labels);
            },
            "config.json: id2label is an object, expected the labels 0 to 0; there is none for 0"));
  }

  private static Arguments broken(String name, Consumer<TinyModel> spoil, String message) {
    return Arguments.of(Named.of(name, spoil), message);
  }

  @ParameterizedTest
  @MethodSource("broken")
  void brokenCheckpointsAreNamedAndFreed(Consumer<TinyModel> spoil, String message)
      throws IOException {
    TinyModel model = new TinyModel("BertModel");
    spoil.accept(model);
    model.write(folder);
    assertFailsWithoutTrace(message);
  }

  @Test
  void aTruncatedFile() throws IOException {
    Path file = new TinyModel("BertModel").write(folder).resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    assertFailsWithoutTrace("model.safetensors");
  }

  @Test
  void noTokenizer() throws IOException {
    Files.delete(new TinyModel("BertModel").write(folder).resolve("vocab.txt"));
    assertFailsWithoutTrace("no tokenizer, expected one of tokenizer.json, vocab.txt");
  }

  @Test
  void noWeights() throws IOException {
    Files.delete(new TinyModel("BertModel").write(folder).resolve("model.safetensors"));
    assertFailsWithoutTrace(folder.toString());
  }

  /** The pooling is read after everything else is loaded. */
  @Test
  void modulesThatAreNone() throws IOException {
    new TinyModel("BertModel").write(folder);
    Files.writeString(folder.resolve("modules.json"), "{}");
    assertFailsWithoutTrace("modules.json");
  }

  /** So that the counts above mean something. */
  @Test
  void aLoadedModelHasWorkers() throws IOException {
    new TinyModel("BertModel").write(folder);
    long before = workers();
    try (TextEmbedder embedder = TextEmbedder.load(folder, OPTIONS)) {
      assertEquals(24, embedder.dimension());
      assertEquals(before + 2, workers());
    }
    assertEquals(before, workers());
  }

  @Test
  void noFolder() {
    assertThrows(CheckpointException.class, () -> TextEmbedder.load(folder.resolve("none")));
  }

  @Test
  void aModelWithoutTheHead() throws IOException {
    new TinyModel("BertModel").write(folder);
    String message = assertMessage(() -> QuestionAnswerer.load(folder, OPTIONS));
    assertTrue(message.contains("no tensor qa_outputs.weight"), message);
    message = assertMessage(() -> FillMask.load(folder, OPTIONS));
    assertTrue(message.contains("no tensor cls.predictions.transform.dense.weight"), message);
  }

  private static String assertMessage(Runnable load) {
    return assertThrows(CheckpointException.class, load::run).getMessage();
  }

  private void assertFailsWithoutTrace(String message) throws IOException {
    // What is loaded once for all, such as the libraries, is loaded by the first.
    String first = assertMessage(() -> TextEmbedder.load(folder, OPTIONS));
    assertTrue(first.contains(message), first);
    List<Long> before = resources();
    for (int i = 0; i < 10; i++) {
      assertMessage(() -> TextEmbedder.load(folder, OPTIONS));
    }
    assertEquals(before, resources(), "open files, threads of the engine");
  }

  private static List<Long> resources() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      long open = files.filter(LoadTest::isOfAModel).count();
      return List.of(open, workers());
    }
  }

  private static boolean isOfAModel(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().contains("model.");
    } catch (IOException e) {
      return false; // closed meanwhile, as that of this very folder
    }
  }

  /**
   * The threads of all engines, by the name that the native library gives them. The least of
   * several looks: a thread that was joined is listed a moment longer.
   */
  private static long workers() throws IOException {
    long least = Long.MAX_VALUE;
    for (int look = 0; look < LOOKS; look++) {
      least = Math.min(least, workersNow());
      LockSupport.parkNanos(1_000_000);
    }
    return least;
  }

  private static long workersNow() throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks.filter(LoadTest::isWorker).count();
    }
  }

  private static boolean isWorker(Path task) {
    try {
      return Files.readString(task.resolve("comm")).strip().matches("panaformer-\\d+");
    } catch (IOException e) {
      return false; // ended meanwhile
    }
  }
}
