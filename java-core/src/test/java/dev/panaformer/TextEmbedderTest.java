package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real all-MiniLM-L6-v2, read from its ONNX export. */
class TextEmbedderTest {
  private static final List<String> TEXTS =
      List.of(
          "I love you",
          "",
          "The animal didn't cross the street because it was too tired.",
          "a b c");

  @TempDir static Path folder;
  private static TextEmbedder embedder;

  @BeforeAll
  static void load() throws Exception {
    copy("/all-minilm-l6-v2.onnx", "model.onnx");
    copy("/all-minilm-l6-v2-tokenizer.json", "tokenizer.json");
    embedder = TextEmbedder.load(folder);
  }

  @AfterAll
  static void close() {
    embedder.close();
  }

  private static void copy(String resource, String name) throws Exception {
    try (InputStream in = TextEmbedderTest.class.getResourceAsStream(resource)) {
      Files.copy(in, folder.resolve(name));
    }
  }

  @Test
  void tokenizesAsTheReferenceDoes() {
    assertArrayEquals(new int[] {101, 1045, 2293, 2017, 102}, embedder.tokenize("I love you"));
    assertArrayEquals(new int[] {101, 102}, embedder.tokenize(""));
  }

  @Test
  void backendsAgree() {
    try (TextEmbedder java =
        TextEmbedder.load(folder, ModelOptions.DEFAULT.withBackend(Backend.JAVA))) {
      assertArrayEquals(java.embed("I love you"), embedder.embed("I love you"), 2e-6f);
    }
  }

  @Test
  void aBatchChangesNothing() {
    float[][] batch = embedder.embedAll(TEXTS);
    for (int i = 0; i < batch.length; i++) {
      assertArrayEquals(embedder.embed(TEXTS.get(i)), batch[i]);
    }
    assertEquals(0, embedder.embedAll(List.of()).length);
  }

  @Test
  void threadsChangeNothing() throws Exception {
    float[] expected = embedder.embed(TEXTS.get(2));
    try (TextEmbedder one = TextEmbedder.load(folder, ModelOptions.DEFAULT.withThreads(1))) {
      assertArrayEquals(expected, one.embed(TEXTS.get(2)));
    }
    List<Future<float[]>> futures = new ArrayList<>();
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 64; i++) {
        futures.add(executor.submit(() -> embedder.embed(TEXTS.get(2))));
      }
    }
    for (Future<float[]> future : futures) {
      assertArrayEquals(expected, future.get());
    }
  }

  @Test
  void truncatesOrRefuses() {
    String text = "word ".repeat(2000);
    assertEquals(embedder.maxTokens(), embedder.tokenize(text).length);
    ModelOptions refuse = ModelOptions.DEFAULT.withTruncation(ModelOptions.Truncation.REFUSE);
    try (TextEmbedder strict = TextEmbedder.load(folder, refuse)) {
      Exception e = assertThrows(IllegalArgumentException.class, () -> strict.embed(text));
      assertTrue(e.getMessage().contains("2002 tokens"), e.getMessage());
    }
  }

  @Test
  void refusesIdsOutsideTheVocabulary() {
    float[] vector = new float[384];
    int[] ids = {101, 30522, 102};
    assertThrows(IndexOutOfBoundsException.class, () -> embedder.embed(ids, vector));
  }

  @Test
  void refusesCallsOnceClosed() {
    TextEmbedder closed = TextEmbedder.load(folder);
    closed.close();
    assertThrows(IllegalStateException.class, () -> closed.embed("I love you"));
  }
}
