package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Many threads on one model, and its end while they are at it. */
@Timeout(60)
class LifecycleTest {
  private static final List<String> TEXTS = List.of("a", "i love you", "", "a b c d e f g h");

  enum Threads {
    PLATFORM,
    VIRTUAL;

    ExecutorService executor() {
      return this == VIRTUAL
          ? Executors.newVirtualThreadPerTaskExecutor()
          : Executors.newFixedThreadPool(8);
    }
  }

  @TempDir Path folder;

  private TextEmbedder load() {
    return TextEmbedder.load(
        new TinyModel("BertModel").write(folder),
        ModelOptions.DEFAULT.withBackend(Backend.NATIVE).withThreads(2).withMaxConcurrency(3));
  }

  @ParameterizedTest
  @EnumSource
  void everyThreadGetsItsOwnResult(Threads threads) throws Exception {
    try (TextEmbedder embedder = load();
        ExecutorService executor = threads.executor()) {
      float[][] expected = embedder.embedAll(TEXTS);
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < 500; i++) {
        int text = i % TEXTS.size();
        futures.add(
            executor.submit(
                () -> assertArrayEquals(expected[text], embedder.embed(TEXTS.get(text)))));
        futures.add(executor.submit(() -> assertArrayEquals(expected, embedder.embedAll(TEXTS))));
      }
      for (Future<?> future : futures) {
        future.get();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void closingLetsCallsInFlightFinishAndRefusesTheRest(Threads threads) throws Exception {
    for (int round = 0; round < 20; round++) {
      TextEmbedder embedder = load();
      float[] expected = embedder.embed(TEXTS.get(1));
      AtomicInteger finished = new AtomicInteger();
      CountDownLatch running = new CountDownLatch(8);
      Callable<String> untilRefused =
          () -> {
            try {
              for (; ; ) {
                assertArrayEquals(expected, embedder.embed(TEXTS.get(1)));
                finished.incrementAndGet();
                running.countDown();
              }
            } catch (IllegalStateException e) {
              return e.getMessage();
            }
          };
      try (ExecutorService executor = threads.executor()) {
        List<Future<String>> futures = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          futures.add(executor.submit(untilRefused));
        }
        running.await();
        embedder.close();
        int atClose = finished.get();
        for (Future<String> future : futures) {
          assertEquals(folder + " is closed", future.get());
        }
        // Whoever had its result when close returned may not have counted it yet.
        assertTrue(finished.get() <= atClose + 8, "calls began after the close");
      }
    }
  }

  @Test
  void everyCallOfAClosedModelNamesIt() {
    TextEmbedder embedder = load();
    embedder.close();
    embedder.close();
    assertClosed(() -> embedder.embed("a"));
    assertClosed(() -> embedder.embedAll(TEXTS));
    assertClosed(() -> embedder.embed(new int[] {2, 3}, new float[embedder.dimension()]));
    assertClosed(() -> embedder.embedAll(new int[][] {{2, 3}}));
    assertClosed(() -> embedder.tokenize("a"));
  }

  @Test
  void soDoTheOtherModels() {
    new TinyModel("BertForMaskedLM").write(folder);
    FillMask fillMask = FillMask.load(folder);
    fillMask.close();
    assertClosed(() -> fillMask.fill("a [MASK]", 1));
    new TinyModel("BertForSequenceClassification").write(folder);
    TextClassifier classifier = TextClassifier.load(folder);
    classifier.close();
    assertClosed(() -> classifier.classify("a"));
    new TinyModel("BertForTokenClassification").write(folder);
    TokenClassifier tagger = TokenClassifier.load(folder);
    tagger.close();
    assertClosed(() -> tagger.entities("a"));
    new TinyModel("BertForQuestionAnswering").write(folder);
    QuestionAnswerer answerer = QuestionAnswerer.load(folder);
    answerer.close();
    assertClosed(() -> answerer.answer("a", "b"));
  }

  private void assertClosed(Runnable call) {
    String message = assertThrows(IllegalStateException.class, call::run).getMessage();
    assertTrue(message.contains(folder.toString()) && message.endsWith("is closed"), message);
  }
}
