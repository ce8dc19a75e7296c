package dev.panaformer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.generate.CacheExhaustedException;
import dev.panaformer.generate.CacheShortage;
import dev.panaformer.generate.ContextOverflow;
import dev.panaformer.generate.FinishReason;
import dev.panaformer.generate.GeneratedToken;
import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import dev.panaformer.generate.schedule.Scheduler;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.decoder.CausalModel;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.runtime.PagedDecoder;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** A thousand generations of a small Llama from sixteen threads, in a cache too small for them. */
@Timeout(120)
class CausalLMSoakTest {
  private static final Path FOLDER = Path.of("../cli/src/test/resources/golden/llama-lm-generate");

  private record Request(int[] prompt, GenerationOptions options) {}

  /** How much more a process may hold after the last round than after the warm-up: 1 KB a call. */
  private static final long SLACK_BYTES = 2L << 20;

  private static final int WARM_UP_ROUNDS = 2;
  private static final int ROUNDS = 2;

  @Test
  void everyOutcomeIsThatOfASingleRunAndEveryBlockComesBack() throws Exception {
    soak();
  }

  /**
   * In a process of its own, whose heap has a fixed size and all its pages from the start: what
   * grows there is native.
   */
  @Test
  @EnabledOnOs(OS.LINUX)
  void residentMemoryStaysFlat() throws Exception {
    Path self =
        Path.of(CausalLMSoakTest.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    String classPath =
        Stream.of("java.class.path", "jdk.module.path")
            .map(System::getProperty)
            .filter(Objects::nonNull)
            .collect(joining(File.pathSeparator, self + File.pathSeparator, ""));
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Xms48m",
                "-Xmx48m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classPath,
                CausalLMSoakTest.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, process.waitFor(), output);
    List<Long> resident = output.lines().map(Long::parseLong).toList();
    assertEquals(WARM_UP_ROUNDS + ROUNDS, resident.size());
    long growth = resident.get(resident.size() - 1) - resident.get(WARM_UP_ROUNDS - 1);
    assertTrue(growth < SLACK_BYTES, () -> "bytes resident after each round: " + resident);
  }

  /** Prints how many bytes are resident after each round of a thousand generations. */
  public static void main(String[] args) throws Exception {
    for (int round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
      soak();
      try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
        String kilobytes =
            lines.filter(line -> line.startsWith("VmRSS:")).findFirst().orElseThrow();
        System.out.println(Long.parseLong(kilobytes.replaceAll("\\D", "")) << 10);
      }
    }
  }

  private static void soak() throws Exception {
    ModelFolder folder = ModelFolder.open(FOLDER);
    CausalConfig config = CausalConfig.of(folder.config());
    try (Kernels kernels = NativeKernels.create(Isa.AUTO, 2);
        NativeMemory memory = new NativeMemory();
        Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      soak(CausalModel.load(weights, config));
    }
  }

  private static void soak(CausalModel model) throws Exception {
    List<Request> requests = IntStream.range(0, 40).mapToObj(CausalLMSoakTest::request).toList();
    List<GenerationResult> alone = new ArrayList<>();
    try (Scheduler scheduler =
        new Scheduler(
            "alone",
            new PagedDecoder(model, CausalLMOptions.DEFAULT.limits()),
            model.config().eosTokenIds(),
            null,
            8,
            1000)) {
      for (Request request : requests) {
        alone.add(scheduler.generate(request.prompt, request.options).result());
      }
    }
    CausalLMOptions small = CausalLMOptions.DEFAULT.withBlockTokens(8).withCacheTokens(320);
    PagedDecoder decoder = new PagedDecoder(model, small.limits());
    AtomicInteger complete = new AtomicInteger();
    AtomicInteger cancelled = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    Scheduler scheduler = new Scheduler("soak", decoder, model.config().eosTokenIds(), null, 8, 32);
    try (scheduler;
        ExecutorService executor = Executors.newFixedThreadPool(16)) {
      List<Future<?>> outcomes = new ArrayList<>();
      for (int i = 0; i < 1000; i++) {
        int number = i;
        outcomes.add(
            executor.submit(() -> {
              Random random = new Random(number);
              int which = random.nextInt(requests.size());
              CacheShortage shortage =
                  random.nextInt(4) == 0 ? CacheShortage.FAIL : CacheShortage.WAIT;
              GenerationOptions options =
                  requests.get(which).options.toBuilder().cacheShortage(shortage).build();
              Generation generation = scheduler.generate(requests.get(which).prompt, options);
              try {
                if (random.nextInt(4) == 0) {
                  cancelAfter(generation, random.nextInt(4));
                }
                GenerationResult result = generation.result();
                int[] expected = alone.get(which).ids();
                if (result.finishReason() == FinishReason.CANCELLED) {
                  cancelled.incrementAndGet();
                  expected = Arrays.copyOf(expected, result.ids().length);
                } else {
                  complete.incrementAndGet();
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
      // The last blocks come back right after the last result.
      while (decoder.freeBlocks() < decoder.blocks()) {
        Thread.onSpinWait();
      }
    }
    assertEquals(1000, complete.get() + cancelled.get() + refused.get());
    String counts = complete + " complete, " + cancelled + " cancelled, " + refused + " refused";
    assertTrue(complete.get() > 500 && cancelled.get() > 20 && refused.get() > 20, counts);
  }

  private static void cancelAfter(Generation generation, int tokens) {
    int left = tokens;
    for (GeneratedToken ignored : generation.tokens()) {
      if (left-- == 0) {
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
      case 1 -> options.beams(2 + i % 3).maxNewTokens(1 + random.nextInt(12));
      case 2 -> options.repetitionPenalty(1.2).minNewTokens(1);
      case 3 -> options.contextOverflow(ContextOverflow.SLIDE).stopIds(Set.of(7, 99));
      default -> options.temperature(2).topK(7).seed(i);
    }
    return new Request(random.ints(1 + random.nextInt(60), 3, 200).toArray(), options.build());
  }
}
