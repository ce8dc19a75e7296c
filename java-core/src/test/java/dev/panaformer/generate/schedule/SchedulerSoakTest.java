package dev.panaformer.generate.schedule;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.ContextOverflow;
import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.GeneratedToken;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A thousand generations from sixteen threads, in a cache that is always too small for them. */
@Timeout(120)
class SchedulerSoakTest {
  private static final int THREADS = 16;
  private static final int GENERATIONS = 1000;
  private static final int BLOCKS = 60;

  private record Request(int[] prompt, GenerationOptions options) {}

  @Test
  void everyOutcomeIsThatOfASingleRun() throws Exception {
    List<Request> requests = IntStream.range(0, 60).mapToObj(SchedulerSoakTest::request).toList();
    List<GenerationResult> alone = new ArrayList<>();
    FakeDecoder single = new FakeDecoder(64, 1000, 4);
    try (Scheduler scheduler =
        new Scheduler("alone", single, Set.of(FakeDecoder.END), null, 8, 1000)) {
      for (Request request : requests) {
        alone.add(scheduler.generate(request.prompt, request.options).result());
      }
    }
    FakeDecoder decoder = new FakeDecoder(64, BLOCKS, 4);
    AtomicInteger complete = new AtomicInteger();
    AtomicInteger cancelled = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    try (Scheduler scheduler =
            new Scheduler("soak", decoder, Set.of(FakeDecoder.END), null, 8, 24);
        ExecutorService executor = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> outcomes = new ArrayList<>();
      for (int i = 0; i < GENERATIONS; i++) {
        int number = i;
        outcomes.add(
            executor.submit(() -> {
              Random random = new Random(number);
              int which = random.nextInt(requests.size());
              GenerationOptions options = requests.get(which).options;
              if (random.nextInt(4) == 0) {
                options = options.toBuilder().cacheShortage(CacheShortage.FAIL).build();
              }
              Generation generation = scheduler.generate(requests.get(which).prompt, options);
              try {
                if (random.nextInt(4) == 0) {
                  cancelLater(generation, random);
                }
                GenerationResult result = generation.result();
                int[] expected = alone.get(which).ids();
                if (result.finishReason() == FinishReason.CANCELLED) {
                  cancelled.incrementAndGet();
                  expected = Arrays.copyOf(expected, result.ids().length);
                } else {
                  complete.incrementAndGet();
                  assertEquals(alone.get(which).finishReason(), result.finishReason());
                }
                assertArrayEquals(expected, result.ids());
              } catch (CacheExhaustedException e) {
                refused.incrementAndGet();
              }
            }));
      }
      for (Future<?> outcome : outcomes) {
        outcome.get();
      }
    }
    assertEquals(BLOCKS, decoder.free.get());
    assertEquals(GENERATIONS, complete.get() + cancelled.get() + refused.get());
    String counts = complete + " complete, " + cancelled + " cancelled, " + refused + " refused";
    assertTrue(complete.get() > 500 && cancelled.get() > 20 && refused.get() > 20, counts);
  }

  private static void cancelLater(Generation generation, Random random) {
    int tokens = random.nextInt(4);
    for (GeneratedToken ignored : generation.tokens()) {
      if (tokens-- == 0) {
        break;
      }
    }
    generation.cancel();
  }

  private static Request request(int i) {
    Random random = new Random(i);
    GenerationOptions.Builder options =
        GenerationOptions.builder().maxNewTokens(1 + random.nextInt(40));
    switch (i % 5) {
      case 0 -> options.temperature(1).topP(0.9).seed(i);
      case 1 -> options.beams(2 + i % 2).maxNewTokens(1 + random.nextInt(12));
      case 2 -> options.repetitionPenalty(1.2).minNewTokens(1);
      case 3 -> options.contextOverflow(ContextOverflow.SLIDE);
      default -> options.temperature(2).topK(7).seed(i);
    }
    int[] prompt = random.ints(1 + random.nextInt(50), 4, FakeDecoder.VOCABULARY).toArray();
    return new Request(prompt, options.build());
  }
}
