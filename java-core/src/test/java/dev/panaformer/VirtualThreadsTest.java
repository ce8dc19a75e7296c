package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.image.RgbImage;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A call on a virtual thread leaves the carrier of that thread to others. */
@Timeout(120)
class VirtualThreadsTest {
  private static final int POSITIONS = 400;
  private static final String LONG_TEXT = "i love you . ".repeat(POSITIONS / 4);

  /**
   * Carriers do less than this part of the work. They do nearly all of it where nothing is handed
   * over, and up to a fifth where it is: the hand-over itself and the comparison.
   */
  private static final double MOST = 0.5;

  private static final long MIN_NANOS = TimeUnit.MILLISECONDS.toNanos(30);

  /** Plain Java on one thread, so that small models keep a processor busy. */
  private static final ComputeOptions JAVA =
      ComputeOptions.DEFAULT.withBackend(Backend.JAVA).withThreads(1);

  private static final ModelOptions TEXT = ModelOptions.DEFAULT.withCompute(JAVA);
  private static final ImageOptions IMAGE = ImageOptions.DEFAULT.withCompute(JAVA);
  private static final CausalLMOptions GENERATION = CausalLMOptions.DEFAULT.withCompute(JAVA);

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  @TempDir static Path folder;

  /** A task: what is loaded, and a call whose result can be compared. */
  private record Task<M>(Callable<M> load, Function<M, Object> call) {}

  private static final Map<String, Task<?>> TASKS = tasks();

  private static Map<String, Task<?>> tasks() {
    Map<String, Task<?>> tasks = new LinkedHashMap<>();
    Callable<TextEmbedder> embedder = () -> TextEmbedder.load(text("BertModel"), TEXT);
    tasks.put("embed", new Task<>(embedder, m -> m.embed(LONG_TEXT)));
    tasks.put("embedAll", new Task<>(embedder, m -> m.embedAll(List.of("a", LONG_TEXT))));
    tasks.put("embed ids", new Task<>(embedder, VirtualThreadsTest::embedIds));
    tasks.put(
        "classify",
        new Task<>(
            () -> TextClassifier.load(text("BertForSequenceClassification"), TEXT),
            m -> m.classifyAllPairs(List.of(new TextPair(LONG_TEXT, "a")))));
    tasks.put(
        "entities",
        new Task<>(
            () -> TokenClassifier.load(text("BertForTokenClassification"), TEXT),
            m -> m.entities(LONG_TEXT)));
    tasks.put(
        "fill",
        new Task<>(
            () -> FillMask.load(text("BertForMaskedLM"), TEXT),
            m -> m.fill("[MASK] " + LONG_TEXT, 2)));
    tasks.put(
        "answer",
        new Task<>(
            () -> QuestionAnswerer.load(text("BertForQuestionAnswering"), TEXT),
            m -> m.answer("i ?", LONG_TEXT)));
    tasks.put(
        "classify an image",
        new Task<>(
            () -> ImageClassifier.load(image("vit-small", 12), IMAGE),
            m -> m.classify(picture(), 3)));
    tasks.put(
        "embed an image",
        new Task<>(
            () -> ImageEmbedder.load(image("vit-small", 12), ImagePooling.CLS, IMAGE),
            m -> m.embed(picture())));
    tasks.put(
        "detect",
        new Task<>(
            () -> ObjectDetector.load(image("yolos-small", 16), IMAGE),
            m -> m.detect(picture(), 0.1)));
    tasks.put(
        "segment",
        new Task<>(
            () -> ImageSegmenter.load(image("segformer-small", 32), IMAGE),
            m -> m.segment(picture()).map()));
    tasks.put(
        "decode a picture",
        new Task<>(() -> RgbImage.read(picture()), m -> RgbImage.read(picture()).samples()));
    tasks.put(
        "show a picture",
        new Task<>(
            () -> RgbImage.read(picture()), m -> m.toBufferedImage().getRGB(m.width() / 2, 7)));
    Callable<CausalLM> decoder = () -> CausalLM.load(golden("gpt2-lm-generate"), GENERATION);
    tasks.put(
        "generate",
        new Task<>(decoder, m -> m.generate(new int[] {1, 2, 3}, GREEDY).result().ids()));
    tasks.put(
        "stream",
        new Task<>(
            decoder,
            m -> {
              List<Object> tokens = new ArrayList<>();
              m.generate(new int[] {1, 2, 3}, GREEDY).tokens().forEach(t -> tokens.add(t.id()));
              return tokens;
            }));
    tasks.put("score", new Task<>(decoder, m -> m.score(IDS, 4).logProbabilities()));
    Callable<Seq2Seq> seq2seq = () -> Seq2Seq.load(golden("t5-tiny"), GENERATION);
    tasks.put("score a target", new Task<>(seq2seq, m -> m.score(IDS, IDS).logProbabilities()));
    tasks.put("attention", new Task<>(seq2seq, m -> m.attention(IDS, IDS).weights()));
    tasks.put(
        "load",
        new Task<>(
            () -> text("BertModel"),
            path -> {
              try (TextEmbedder loaded = TextEmbedder.load(path, TEXT)) {
                return loaded.dimension();
              }
            }));
    tasks.put("quantize", new Task<>(() -> text("BertModel"), VirtualThreadsTest::quantize));
    return tasks;
  }

  private static Object quantize(Path source) {
    Path target = folder.resolve("quantized-" + System.nanoTime());
    try {
      Quantization.write(source, target, Precision.INT8);
      return Files.readAllBytes(target.resolve("model.safetensors"));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static final GenerationOptions GREEDY =
      GenerationOptions.builder().maxNewTokens(20).stopAtEndToken(false).build();
  private static final int[] IDS = {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

  private static float[] embedIds(TextEmbedder embedder) {
    int[] ids = new int[POSITIONS];
    Arrays.fill(ids, 7);
    float[] vector = new float[embedder.dimension()];
    embedder.embed(ids, vector);
    return vector;
  }

  static Path text(String architecture) {
    Path target = folder.resolve(architecture);
    if (!Files.exists(target)) {
      TinyModel model = new TinyModel(architecture);
      model.config.addProperty("max_position_embeddings", POSITIONS);
      String prefix = architecture.equals("BertModel") ? "" : "bert.";
      model.tensor(prefix + "embeddings.position_embeddings.weight", POSITIONS, TinyModel.HIDDEN);
      model.write(target);
    }
    return target;
  }

  private static Path golden(String name) {
    return GoldenCases.folder(name);
  }

  private static Path image(String name, int side) throws IOException {
    Path target = Files.createDirectories(folder.resolve(name));
    try (Stream<Path> files = Files.list(golden(name))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.write(target.resolve(file.getFileName()), Files.readAllBytes(file));
      }
    }
    Files.writeString(
        target.resolve("preprocessor_config.json"),
        String.format("{\"size\": {\"height\": %d, \"width\": %d}}", side, side));
    return target;
  }

  private static Path picture() {
    Path file = folder.resolve("picture.png");
    try {
      if (!Files.exists(file)) {
        byte[] samples = new byte[600 * 400 * 3];
        new Random(1).nextBytes(samples);
        ImageIO.write(new RgbImage(600, 400, samples).toBufferedImage(), "png", file.toFile());
      }
      return file;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static <T> T onVirtualThread(Callable<T> call) throws Exception {
    FutureTask<T> task = new FutureTask<>(call);
    Thread.ofVirtual().start(task);
    return task.get();
  }

  /** The processor time of the threads with such names, without those of the JVM itself. */
  private static long nanos(Predicate<String> name) {
    return Arrays.stream(THREADS.getThreadInfo(THREADS.getAllThreadIds()))
        .filter(Objects::nonNull)
        .filter(info -> name.test(info.getThreadName()))
        .mapToLong(ThreadInfo::getThreadId)
        .map(THREADS::getThreadCpuTime)
        .filter(nanos -> nanos > 0)
        .sum();
  }

  private static long carrierNanos() {
    return nanos(name -> name.startsWith("ForkJoinPool-1-worker"));
  }

  static Stream<String> names() {
    return TASKS.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("names")
  void theWorkIsDoneByPlatformThreadsWithTheSameBits(String name) throws Exception {
    check(TASKS.get(name));
  }

  /** Tokenizing is too short to compare processor times: that of the threads for it must grow. */
  @Test
  void tokenizingIsDoneByPlatformThreads() throws Exception {
    try (TextEmbedder embedder = TextEmbedder.load(text("BertModel"), TEXT)) {
      int[] expected = embedder.tokenize(LONG_TEXT);
      Map<Long, Long> before = preparingNanos();
      for (int i = 0; i < 100; i++) {
        assertArrayEquals(expected, onVirtualThread(() -> embedder.tokenize(LONG_TEXT)));
      }
      assertTrue(
          preparingNanos().entrySet().stream()
              .anyMatch(thread -> thread.getValue() > before.getOrDefault(thread.getKey(), 0L)),
          "no thread prepared anything");
    }
  }

  /** The processor time of each thread that tokenizes for virtual threads, by its id. */
  private static Map<Long, Long> preparingNanos() {
    Map<Long, Long> nanos = new HashMap<>();
    for (ThreadInfo info : THREADS.getThreadInfo(THREADS.getAllThreadIds())) {
      if (info != null && info.getThreadName().startsWith("panaformer-prepare")) {
        nanos.put(info.getThreadId(), THREADS.getThreadCpuTime(info.getThreadId()));
      }
    }
    return nanos;
  }

  private <M> void check(Task<M> task) throws Exception {
    M model = task.load.call();
    try {
      Object expected = task.call.apply(model);
      double least = 1;
      // Processor times do not depend on the load of the machine. The first calls also load
      // classes, on the virtual thread.
      for (int attempt = 0; attempt < 10 && least > MOST; attempt++) {
        long begin = nanos(any -> true);
        int calls = 0;
        do {
          task.call.apply(model);
          calls++;
        } while (nanos(any -> true) - begin < MIN_NANOS);
        long work = nanos(any -> true) - begin;
        int repeats = calls;
        long carriers = carrierNanos();
        onVirtualThread(() -> {
          for (int i = 0; i < repeats; i++) {
            assertTrue(Objects.deepEquals(expected, task.call.apply(model)), "the same bits");
          }
          return null;
        });
        least = Math.min(least, (double) (carrierNanos() - carriers) / work);
      }
      assertTrue(least <= MOST, "carriers did " + least + " of the work");
    } finally {
      if (model instanceof Model closeable) {
        closeable.close();
      }
    }
  }

  @Test
  void aTickerRunsBesideACallThatNeedsTheOnlyCarrier() throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    Process process =
        new ProcessBuilder(
                java,
                "--enable-native-access=ALL-UNNAMED",
                "-Djdk.virtualThreadScheduler.parallelism=1",
                "-Djdk.virtualThreadScheduler.maxPoolSize=1",
                "-cp",
                System.getProperty("java.class.path"),
                OneCarrier.class.getName(),
                text("BertModel").toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes());
    assertEquals(0, process.waitFor(), output);
    assertTrue(output.contains("ticked"), output);
  }

  /** Embeds on one virtual thread, without pause, until another has ticked. */
  static final class OneCarrier {
    private static final int TICKS = 10;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(40);

    public static void main(String[] arguments) throws Exception {
      AtomicInteger ticks = new AtomicInteger();
      try (TextEmbedder embedder = TextEmbedder.load(Path.of(arguments[0]), TEXT)) {
        boolean ticked =
            onVirtualThread(() -> {
              Thread ticker = Thread.ofVirtual().start(() -> tick(ticks));
              long end = System.nanoTime() + PATIENCE_NANOS;
              while (ticks.get() < TICKS && System.nanoTime() < end) {
                embedder.embed(LONG_TEXT);
              }
              ticker.interrupt();
              return ticks.get() >= TICKS;
            });
        System.out.println(ticked ? "ticked" : "starved: " + ticks + " ticks");
        System.exit(ticked ? 0 : 1);
      }
    }

    private static void tick(AtomicInteger ticks) {
      try {
        while (true) {
          Thread.sleep(10);
          ticks.incrementAndGet();
        }
      } catch (InterruptedException e) {
        // The end.
      }
    }
  }

  @Test
  void anInterruptedThreadGetsItsResultAndStaysInterrupted() throws Exception {
    try (TextEmbedder embedder = TextEmbedder.load(text("BertModel"), TEXT)) {
      float[] expected = embedder.embed(LONG_TEXT);
      Callable<Boolean> call =
          () -> {
            Thread.currentThread().interrupt();
            assertArrayEquals(expected, embedder.embed(LONG_TEXT));
            return Thread.currentThread().isInterrupted();
          };
      FutureTask<Boolean> platform = new FutureTask<>(call);
      Thread.ofPlatform().start(platform);
      assertTrue(platform.get());
      assertTrue(onVirtualThread(call));
      // The thread that computed is not left interrupted.
      assertArrayEquals(expected, onVirtualThread(() -> embedder.embed(LONG_TEXT)));
    }
  }

  @Test
  void anExceptionShowsWhereItWasThrownAndWhoCalled() throws Exception {
    try (TextEmbedder embedder = TextEmbedder.load(text("BertModel"), TEXT)) {
      IndexOutOfBoundsException failure =
          onVirtualThread(
              () -> assertThrows(IndexOutOfBoundsException.class, () -> embedUnknownId(embedder)));
      List<String> frames =
          Arrays.stream(failure.getStackTrace()).map(StackTraceElement::getMethodName).toList();
      assertTrue(frames.contains("evaluate"), "where it was thrown: " + frames);
      assertTrue(frames.contains("embedUnknownId"), "who called: " + frames);
    }
  }

  private static void embedUnknownId(TextEmbedder embedder) {
    embedder.embed(new int[] {TinyModel.VOCAB}, new float[embedder.dimension()]);
  }

  @Test
  void threadsEndWithTheModel() throws Exception {
    TextEmbedder embedder = TextEmbedder.load(text("BertModel"), TEXT.withMaxConcurrency(2));
    List<FutureTask<float[]>> tasks = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      tasks.add(new FutureTask<>(() -> embedder.embed(LONG_TEXT)));
      Thread.ofVirtual().start(tasks.getLast());
    }
    for (FutureTask<float[]> task : tasks) {
      task.get();
    }
    long running = computing().count();
    assertTrue(running >= 1 && running <= 2, running + " threads compute, at most 2 may");
    onVirtualThread(() -> {
      embedder.close();
      return null;
    });
    for (Thread thread : computing().toList()) {
      thread.join(TimeUnit.SECONDS.toMillis(10));
      assertTrue(!thread.isAlive(), thread + " outlives its model");
    }
  }

  private static Stream<Thread> computing() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("panaformer-compute"));
  }
}
