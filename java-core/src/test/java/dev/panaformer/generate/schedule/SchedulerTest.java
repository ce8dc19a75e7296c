package dev.panaformer.generate.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.ContextOverflow;
import dev.panaformer.generate.EarlyStopping;
import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.GeneratedToken;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import dev.panaformer.generate.NonFiniteLogitsException;
import dev.panaformer.generate.Prefix;
import dev.panaformer.generate.sampling.CounterRandom;
import dev.panaformer.generate.sampling.Rows;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Scheduling over a model that is a hash of its cache. */
@Timeout(60)
class SchedulerTest {
  private static final int CONTEXT = 64;
  private static final int BLOCKS = 40;
  private static final int BLOCK_TOKENS = 4;
  private static final int STEP_TOKENS = 10;
  private static final int MAX_SEQUENCES = 6;

  private final FakeDecoder decoder = new FakeDecoder(CONTEXT, BLOCKS, BLOCK_TOKENS);

  /** Token n reads as the letter of its number. */
  private final Scheduler scheduler =
      new Scheduler(
          "fake",
          decoder,
          Set.of(FakeDecoder.END),
          SchedulerTest::read,
          MAX_SEQUENCES,
          STEP_TOKENS);

  private static String read(int[] ids) {
    StringBuilder text = new StringBuilder();
    IntStream.of(ids).forEach(id -> text.append((char) ('A' + id)));
    return text.toString();
  }

  @AfterEach
  void everythingIsGivenBack() {
    scheduler.close();
    assertTrue(decoder.closed);
    assertEquals(BLOCKS, decoder.free.get());
  }

  private static GenerationOptions.Builder tokens(int count) {
    return GenerationOptions.builder().maxNewTokens(count).stopAtEndToken(false);
  }

  private static int[] prompt(int length, int seed) {
    return IntStream.range(0, length)
        .map(i -> 4 + (int) (46 * CounterRandom.uniform(seed, i)))
        .toArray();
  }

  /** What the model continues a text by, without a cache or anybody else. */
  private static int[] greedy(int[] prompt, int count) {
    int[] ids = Arrays.copyOf(prompt, prompt.length + count);
    for (int n = prompt.length; n < ids.length; n++) {
      float[] row = FakeDecoder.logits(Arrays.copyOf(ids, n));
      ids[n] = Rows.candidates(1, 1, row).id(0, 0);
    }
    return Arrays.copyOfRange(ids, prompt.length, ids.length);
  }

  @Test
  void continuesATextTokenByToken() {
    int[] prompt = prompt(5, 0);
    Generation generation = scheduler.generate(prompt, tokens(12).build());
    StringBuilder text = new StringBuilder();
    generation.forEach(text::append);
    GenerationResult result = generation.result();
    assertArrayEquals(greedy(prompt, 12), result.ids());
    assertEquals(read(result.ids()), result.text());
    assertEquals(result.text(), text.toString());
    assertEquals(FinishReason.LENGTH, result.finishReason());
    assertEquals(5, result.promptTokens());
    assertTrue(generation.isDone());
    assertThrows(
        java.util.NoSuchElementException.class,
        () -> {
          Iterator<String> pieces = generation.iterator();
          while (true) {
            pieces.next();
          }
        });
  }

  @Test
  void neighboursAndChunksChangeNothing() {
    List<Generation> together = new ArrayList<>();
    List<GenerationOptions> options = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      options.add(
          (switch (i % 4) {
                case 0 -> tokens(9);
                case 1 -> tokens(9).temperature(1.5).seed(i);
                case 2 -> tokens(9).beams(3);
                default -> tokens(9).temperature(0.7).topK(5).repetitionPenalty(1.3).seed(i);
              })
              .build());
      together.add(scheduler.generate(prompt(1 + 4 * i, i), options.get(i)));
    }
    List<int[]> ids = together.stream().map(g -> g.result().ids()).toList();
    for (int i = 0; i < 12; i++) {
      int[] alone = scheduler.generate(prompt(1 + 4 * i, i), options.get(i)).result().ids();
      assertArrayEquals(alone, ids.get(i), "text " + i);
    }
  }

  @Test
  void aStepComputesNoMoreThanItsShare() {
    List<Integer> steps = new ArrayList<>();
    decoder.onForward = steps::add;
    CountDownLatch go = hold();
    Generation shortText = scheduler.generate(prompt(2, 0), tokens(20).build());
    Generation longText = scheduler.generate(prompt(50, 1), tokens(3).build());
    go.countDown();
    decoder.onForward = steps::add;
    shortText.result();
    longText.result();
    assertTrue(steps.stream().allMatch(n -> n <= STEP_TOKENS), steps.toString());
    // The long prompt takes at least five steps, in all of which the short text went on.
    assertTrue(steps.size() <= 24, steps.toString());
  }

  /** Holds the scheduler at its next pass. */
  private CountDownLatch hold() {
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch held = new CountDownLatch(1);
    decoder.onForward =
        n -> {
          held.countDown();
          try {
            go.await();
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
        };
    scheduler.generate(prompt(1, 9), tokens(1).build());
    try {
      held.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    return go;
  }

  @Test
  void endsAtStopIdsAndStopStrings() {
    int[] prompt = prompt(3, 5);
    int[] ids = greedy(prompt, 20);
    GenerationResult byId =
        scheduler.generate(prompt, tokens(20).stopIds(Set.of(ids[6])).build()).result();
    int first = IntStream.range(0, 7).filter(i -> ids[i] == ids[6]).findFirst().getAsInt();
    assertEquals(FinishReason.STOP_ID, byId.finishReason());
    assertArrayEquals(Arrays.copyOf(ids, first + 1), byId.ids());
    assertEquals(read(Arrays.copyOf(ids, first)), byId.text());

    String stop = read(new int[] {ids[8], ids[9]});
    GenerationResult byText =
        scheduler.generate(prompt, tokens(20).stopStrings(List.of(stop)).build()).result();
    assertEquals(FinishReason.STOP_STRING, byText.finishReason());
    assertEquals(read(ids).substring(0, read(ids).indexOf(stop)), byText.text());

    GenerationResult later =
        scheduler
            .generate(prompt, tokens(20).stopIds(Set.of(ids[0])).minNewTokens(5).build())
            .result();
    assertTrue(later.ids().length > 5);
    assertEquals(-1, read(Arrays.copyOf(later.ids(), 5)).indexOf((char) ('A' + ids[0])));
  }

  @Test
  void beamsStopAtStopStrings() {
    int[] prompt = prompt(3, 5);
    GenerationOptions options = tokens(12).beams(3).build();
    String all = scheduler.generate(prompt, options).result().text();
    String stop = all.substring(2, 4);
    GenerationResult result =
        scheduler
            .generate(
                prompt,
                options.toBuilder()
                    .stopStrings(List.of(stop))
                    .earlyStopping(EarlyStopping.WHEN_IMPOSSIBLE_TO_IMPROVE)
                    .build())
            .result();
    assertFalse(result.text().contains(stop));
  }

  @Test
  void logProbabilitiesAreTheModels() {
    int[] prompt = prompt(4, 7);
    for (GenerationOptions.Builder builder :
        List.of(
            tokens(6),
            tokens(6).temperature(1).seed(1),
            tokens(6).temperature(2).seed(2),
            tokens(6).repetitionPenalty(2).presencePenalty(1))) {
      GenerationResult result =
          scheduler.generate(prompt, builder.logProbabilities(true).build()).result();
      int[] all = IntStream.concat(IntStream.of(prompt), IntStream.of(result.ids())).toArray();
      float[] scores = scheduler.score(all, prompt.length);
      assertArrayEquals(scores, result.logProbabilities(), 1e-5f);
    }
  }

  @Test
  void scoresAText() {
    int[] ids = prompt(CONTEXT + 1, 3);
    float[] scores = scheduler.score(ids, 1);
    assertEquals(CONTEXT, scores.length);
    for (int i = 1; i < ids.length; i++) {
      float[] row = FakeDecoder.logits(Arrays.copyOf(ids, i));
      float expected = row[ids[i]] - Rows.candidates(1, 1, row).logSumExp(0);
      assertEquals(expected, scores[i - 1], 1e-6);
    }
    assertArrayEquals(Arrays.copyOfRange(scores, 40, CONTEXT), scheduler.score(ids, 41));
    assertThrows(IllegalArgumentException.class, () -> scheduler.score(prompt(66, 3), 1));
    assertThrows(IllegalArgumentException.class, () -> scheduler.score(ids, 0));
    assertThrows(IllegalArgumentException.class, () -> scheduler.score(new int[] {4}, 1));
  }

  @Test
  void refusesBadPrompts() {
    GenerationOptions options = tokens(1).build();
    assertThrows(IllegalArgumentException.class, () -> scheduler.generate(new int[0], options));
    Exception e =
        assertThrows(
            IndexOutOfBoundsException.class, () -> scheduler.generate(new int[] {4, 50}, options));
    assertEquals("token 1 has id 50, the model has 50", e.getMessage());
    assertThrows(
        IndexOutOfBoundsException.class, () -> scheduler.generate(new int[] {-1}, options));
    e =
        assertThrows(
            IllegalArgumentException.class,
            () -> scheduler.generate(prompt(CONTEXT + 1, 0), options));
    assertEquals("fake: a prompt of 65 tokens, at most 64 are allowed", e.getMessage());
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> scheduler.generate(prompt(1, 0), tokens(1).stopIds(Set.of(50)).build()));
    assertThrows(
        IllegalArgumentException.class,
        () -> scheduler.generate(prompt(1, 0), tokens(1).beams(7).build()));
  }

  @Test
  void aFullContextEndsOrSlides() {
    int[] prompt = prompt(60, 4);
    GenerationResult refused = scheduler.generate(prompt, tokens(20).build()).result();
    assertEquals(FinishReason.CONTEXT, refused.finishReason());
    assertArrayEquals(greedy(prompt, 5), refused.ids());
    GenerationResult beams = scheduler.generate(prompt, tokens(20).beams(2).build()).result();
    assertEquals(FinishReason.CONTEXT, beams.finishReason());
    assertEquals(5, beams.ids().length);

    GenerationOptions sliding = tokens(20).contextOverflow(ContextOverflow.SLIDE).build();
    GenerationResult slid = scheduler.generate(prompt, sliding).result();
    assertEquals(FinishReason.LENGTH, slid.finishReason());
    int[] all = IntStream.concat(IntStream.of(prompt), IntStream.of(slid.ids())).toArray();
    assertArrayEquals(greedy(Arrays.copyOfRange(all, 33, 65), 15), Arrays.copyOfRange(all, 65, 80));

    int[] longer = prompt(100, 4);
    GenerationResult last = scheduler.generate(longer, sliding).result();
    assertEquals(CONTEXT, last.promptTokens());
    assertEquals(greedy(Arrays.copyOfRange(longer, 36, 100), 1)[0], last.ids()[0]);
  }

  @Test
  void cancellingTakesEffectWithinAToken() throws Exception {
    Semaphore steps = new Semaphore(0);
    decoder.onForward = n -> steps.acquireUninterruptibly();
    Generation generation = scheduler.generate(prompt(3, 0), tokens(50).build());
    Generation waits = scheduler.generate(prompt(3, 0), tokens(50).build());
    steps.release(3);
    Iterator<String> pieces = generation.iterator();
    pieces.next();
    generation.cancel();
    waits.close();
    steps.release(2);
    GenerationResult result = generation.result();
    assertEquals(FinishReason.CANCELLED, result.finishReason());
    assertTrue(result.ids().length <= 4, "generated " + result.ids().length);
    assertEquals(FinishReason.CANCELLED, waits.result().finishReason());
    steps.release(1000);
  }

  @Test
  void aDeadlineEndsWithWhatThereIs() {
    decoder.onForward = n -> sleep(5);
    GenerationResult result =
        scheduler
            .generate(prompt(3, 0), tokens(50).timeLimit(Duration.ofMillis(60)).build())
            .result();
    assertEquals(FinishReason.DEADLINE, result.finishReason());
    assertTrue(result.ids().length < 50);
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aFailureIsThatOfItsTextAlone() {
    CountDownLatch go = hold();
    Generation good = scheduler.generate(prompt(5, 1), tokens(8).build());
    Generation poisoned = scheduler.generate(new int[] {5, FakeDecoder.POISON}, tokens(8).build());
    Generation nan = scheduler.generate(new int[] {5, FakeDecoder.NAN}, tokens(8).build());
    Generation beams = scheduler.generate(new int[] {FakeDecoder.NAN}, tokens(8).beams(2).build());
    go.countDown();
    assertArrayEquals(greedy(prompt(5, 1), 8), good.result().ids());
    assertEquals(
        "poisoned", assertThrows(IllegalStateException.class, poisoned::result).getMessage());
    assertThrows(NonFiniteLogitsException.class, nan::result);
    assertThrows(NonFiniteLogitsException.class, () -> nan.iterator().hasNext());
    assertThrows(NonFiniteLogitsException.class, beams::result);
    CompletionException e = assertThrows(CompletionException.class, () -> nan.future().join());
    assertInstanceOf(NonFiniteLogitsException.class, e.getCause());
  }

  @Test
  void aShortageOfCacheMeansWaitingOrAnError() {
    // 15 blocks each: two fit at once.
    CountDownLatch go = hold();
    List<Generation> waiting = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      waiting.add(scheduler.generate(prompt(30, i), tokens(31).build()));
    }
    Generation refused =
        scheduler.generate(prompt(30, 7), tokens(31).cacheShortage(CacheShortage.FAIL).build());
    go.countDown();
    Exception e = assertThrows(CacheExhaustedException.class, refused::result);
    assertTrue(e.getMessage().matches("15 blocks .* asked for, \\d+ of 40 free"), e.getMessage());
    for (int i = 0; i < 5; i++) {
      assertArrayEquals(greedy(prompt(30, i), 31), waiting.get(i).result().ids());
    }
    e =
        assertThrows(
            CacheExhaustedException.class,
            () -> scheduler.generate(prompt(2, 0), tokens(60).beams(6).build()));
    assertTrue(e.getMessage().contains("40 of 40 free"), e.getMessage());
  }

  @Test
  void closingWaitsAndRefuses() throws Exception {
    CountDownLatch go = hold();
    Generation generation = scheduler.generate(prompt(3, 0), tokens(10).build());
    Thread closer = Thread.ofVirtual().start(scheduler::close);
    while (closer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    assertThrows(
        IllegalStateException.class, () -> scheduler.generate(prompt(3, 0), tokens(1).build()));
    assertThrows(IllegalStateException.class, () -> scheduler.score(prompt(3, 0), 1));
    go.countDown();
    assertArrayEquals(greedy(prompt(3, 0), 10), generation.result().ids());
    closer.join();
    assertTrue(decoder.closed);
  }

  @Test
  void anInterruptedCloserCancels() throws Exception {
    decoder.onForward = n -> sleep(2);
    Generation generation = scheduler.generate(prompt(3, 0), tokens(60).build());
    Thread closer = Thread.ofVirtual().start(scheduler::close);
    closer.interrupt();
    closer.join();
    assertEquals(FinishReason.CANCELLED, generation.result().finishReason());
  }

  @Test
  void anInterruptedReaderCancels() throws Exception {
    CountDownLatch go = hold();
    Generation generation = scheduler.generate(prompt(3, 0), tokens(50).build());
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    AtomicInteger interrupted = new AtomicInteger();
    Thread reader =
        Thread.ofVirtual()
            .start(() -> {
              try {
                generation.iterator().next();
              } catch (CancellationException e) {
                thrown.set(e);
                interrupted.set(Thread.currentThread().isInterrupted() ? 1 : 0);
              }
            });
    reader.interrupt();
    reader.join();
    assertInstanceOf(CancellationException.class, thrown.get());
    assertEquals(1, interrupted.get());
    go.countDown();
    assertEquals(FinishReason.CANCELLED, generation.result().finishReason());
  }

  @Test
  void aFutureTellsTheResultAndCancels() throws Exception {
    Generation generation = scheduler.generate(prompt(3, 0), tokens(10).build());
    GenerationResult result = generation.future().thenApply(r -> r).get(30, TimeUnit.SECONDS);
    assertArrayEquals(greedy(prompt(3, 0), 10), result.ids());
    CountDownLatch go = hold();
    Generation cancelled = scheduler.generate(prompt(3, 0), tokens(50).build());
    CompletableFuture<GenerationResult> future = cancelled.future();
    future.cancel(true);
    go.countDown();
    assertEquals(FinishReason.CANCELLED, cancelled.result().finishReason());
  }

  @Test
  void aSubscriberGetsWhatItRequests() throws Exception {
    Generation generation = scheduler.generate(prompt(3, 0), tokens(10).build());
    LinkedBlockingQueue<Object> signals = new LinkedBlockingQueue<>();
    AtomicReference<Flow.Subscription> subscription = new AtomicReference<>();
    generation.publisher().subscribe(subscriber(signals, subscription));
    assertEquals(null, signals.poll(50, TimeUnit.MILLISECONDS));
    String expected = read(greedy(prompt(3, 0), 10));
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 10; i++) {
      subscription.get().request(1);
      text.append(signals.poll(30, TimeUnit.SECONDS));
    }
    assertEquals(expected, text.toString());
    assertEquals("complete", signals.poll(30, TimeUnit.SECONDS));

    generation.publisher().subscribe(subscriber(signals, subscription));
    subscription.get().request(0);
    assertInstanceOf(IllegalArgumentException.class, signals.poll(30, TimeUnit.SECONDS));
    CountDownLatch go = hold();
    Generation cancelled = scheduler.generate(prompt(3, 0), tokens(50).build());
    cancelled.publisher().subscribe(subscriber(signals, subscription));
    subscription.get().cancel();
    go.countDown();
    assertEquals(FinishReason.CANCELLED, cancelled.result().finishReason());
    assertEquals(null, signals.poll(50, TimeUnit.MILLISECONDS));
  }

  private static Flow.Subscriber<String> subscriber(
      LinkedBlockingQueue<Object> signals, AtomicReference<Flow.Subscription> subscription) {
    return new Flow.Subscriber<>() {
      @Override
      public void onSubscribe(Flow.Subscription s) {
        subscription.set(s);
      }

      @Override
      public void onNext(String piece) {
        signals.add(piece);
      }

      @Override
      public void onError(Throwable e) {
        signals.add(e);
      }

      @Override
      public void onComplete() {
        signals.add("complete");
      }
    };
  }

  @Test
  void aPrefixIsReadOnceAndChangesNothing() {
    int[] system = prompt(30, 1);
    AtomicInteger computed = new AtomicInteger();
    try (Prefix prefix = scheduler.prefix(system)) {
      assertEquals(30, prefix.length());
      assertEquals(BLOCKS - 8, decoder.free.get());
      decoder.onForward = computed::addAndGet;
      for (int rest = 0; rest < 4; rest++) {
        int[] all = IntStream.concat(IntStream.of(system), IntStream.of(prompt(rest, 7))).toArray();
        GenerationResult sampled =
            scheduler.generate(prefix, prompt(rest, 7), tokens(9).build()).result();
        assertArrayEquals(greedy(all, 9), sampled.ids());
        assertEquals(30 + rest, sampled.promptTokens());
        // Its own tokens, the last of the prefix where it has none, and all but the last new one.
        assertEquals(Math.max(1, rest) + 8, computed.getAndSet(0));
        GenerationOptions beams = tokens(9).beams(3).build();
        assertArrayEquals(
            scheduler.generate(all, beams).result().ids(),
            scheduler.generate(prefix, prompt(rest, 7), beams).result().ids());
        GenerationOptions slides = tokens(60).contextOverflow(ContextOverflow.SLIDE).build();
        assertArrayEquals(
            scheduler.generate(all, slides).result().ids(),
            scheduler.generate(prefix, prompt(rest, 7), slides).result().ids());
        computed.set(0);
      }
    }
  }

  @Test
  void aPrefixThatNobodyClosesGivesItsBlocksBack() throws InterruptedException {
    assertEquals(30, scheduler.prefix(prompt(30, 1)).length());
    for (int look = 0; decoder.free.get() < BLOCKS && look < 500; look++) {
      System.gc();
      Thread.sleep(10);
    }
    assertEquals(BLOCKS, decoder.free.get());
  }

  @Test
  void aGenerationKeepsItsModelUntilItEnds() throws InterruptedException {
    Object model = new Object();
    WeakReference<Object> seen = new WeakReference<>(model);
    scheduler.keepsWhileGenerating(model);
    model = null;
    CountDownLatch collected = new CountDownLatch(1);
    decoder.onForward = tokens -> await(collected);
    Generation generation = scheduler.generate(prompt(5, 1), tokens(3).build());
    for (int i = 0; i < 10; i++) {
      System.gc();
      Thread.sleep(5);
    }
    assertNotNull(seen.get());
    collected.countDown();
    assertEquals(3, generation.result().ids().length);
    for (int look = 0; seen.get() != null && look < 500; look++) {
      System.gc();
      Thread.sleep(10);
    }
    assertNull(seen.get(), "a generation that has ended, and an idle scheduler, keep nothing");
    assertTrue(generation.isDone());
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aPrefixHoldsItsBlocksUntilItIsClosed() {
    Prefix prefix = scheduler.prefix(prompt(60, 1));
    Generation waits = scheduler.generate(prompt(60, 2), tokens(5).beams(6).build());
    Generation shares = scheduler.generate(prefix, prompt(1, 3), tokens(3).build());
    Generation late =
        scheduler.generate(
            prompt(50, 2), tokens(14).beams(4).timeLimit(Duration.ofMillis(50)).build());
    assertEquals(FinishReason.LENGTH, waits.result().finishReason());
    assertEquals(FinishReason.LENGTH, shares.result().finishReason());
    assertEquals(FinishReason.DEADLINE, late.result().finishReason());
    Generation next = scheduler.generate(prompt(50, 2), tokens(14).beams(4).build());
    prefix.close();
    prefix.close();
    assertEquals(FinishReason.LENGTH, next.result().finishReason());
    assertThrows(
        IllegalStateException.class,
        () -> scheduler.generate(prefix, prompt(1, 3), tokens(3).build()));
    assertThrows(IllegalArgumentException.class, () -> scheduler.prefix(prompt(65, 1)));
    assertThrows(IllegalArgumentException.class, () -> scheduler.prefix(new int[0]));
    assertThrows(
        IllegalStateException.class, () -> scheduler.prefix(new int[] {FakeDecoder.POISON}));
  }

  @Test
  void whatIsKeptAtTheEndIsGivenBack() {
    Prefix prefix = scheduler.prefix(prompt(40, 1));
    Generation waits = scheduler.generate(prompt(50, 2), tokens(14).beams(6).build());
    scheduler.close();
    assertEquals(FinishReason.LENGTH, waits.result().finishReason());
    prefix.close();
  }

  @Test
  void tokensCarryTheirText() {
    Generation generation = scheduler.generate(prompt(3, 0), tokens(5).build());
    StringBuilder text = new StringBuilder();
    for (GeneratedToken token : generation.tokens()) {
      assertEquals(read(new int[] {token.id()}), token.text());
      assertTrue(Float.isNaN(token.logProbability()));
      text.append(token.text());
    }
    assertEquals(generation.result().text(), text.toString());
  }
}
