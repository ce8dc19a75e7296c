package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.generate.Generation;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.image.RgbImage;
import dev.panaformer.threads.Unclosed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A model that nobody closes is freed when nobody can use it any more, and not before. */
@Timeout(120)
class UnclosedTest {
  private static final ComputeOptions COMPUTE =
      ComputeOptions.DEFAULT.withBackend(Backend.NATIVE).withThreads(3);
  private static final ModelOptions TEXT = ModelOptions.DEFAULT.withCompute(COMPUTE);
  private static final ImageOptions IMAGE = ImageOptions.DEFAULT.withCompute(COMPUTE);
  private static final CausalLMOptions GENERATION = CausalLMOptions.DEFAULT.withCompute(COMPUTE);

  /** How often the collector is asked, 10 ms apart, to find what nobody can reach. */
  private static final int LOOKS = 1000;

  private static final Logger LOGGER = Logger.getLogger(Unclosed.class.getName());

  @TempDir Path folder;

  private final List<LogRecord> log = new CopyOnWriteArrayList<>();
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord entry) {
          log.add(entry);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  @BeforeEach
  void readTheLog() {
    LOGGER.addHandler(handler);
    LOGGER.setUseParentHandlers(false);
  }

  @AfterEach
  void leaveTheLog() {
    LOGGER.removeHandler(handler);
    LOGGER.setUseParentHandlers(true);
  }

  /** Loads and uses a model from a folder. */
  private static final Map<Class<?>, Function<Path, Model>> MODELS =
      Map.ofEntries(
          Map.entry(TextEmbedder.class, f -> TextEmbedder.load(text("BertModel", f), TEXT)),
          Map.entry(
              TextClassifier.class,
              f -> TextClassifier.load(text("BertForSequenceClassification", f), TEXT)),
          Map.entry(
              TokenClassifier.class,
              f -> TokenClassifier.load(text("BertForTokenClassification", f), TEXT)),
          Map.entry(FillMask.class, f -> FillMask.load(text("BertForMaskedLM", f), TEXT)),
          Map.entry(
              QuestionAnswerer.class,
              f -> QuestionAnswerer.load(text("BertForQuestionAnswering", f), TEXT)),
          Map.entry(ImageClassifier.class, f -> ImageClassifier.load(image("vit-small", f), IMAGE)),
          Map.entry(
              ImageEmbedder.class,
              f -> ImageEmbedder.load(image("swin-small", f), ImagePooling.MEAN, IMAGE)),
          Map.entry(ObjectDetector.class, f -> ObjectDetector.load(image("yolos-small", f), IMAGE)),
          Map.entry(
              ImageSegmenter.class, f -> ImageSegmenter.load(image("segformer-small", f), IMAGE)),
          Map.entry(CausalLM.class, f -> CausalLM.load(copy("gpt2-lm-generate", f), GENERATION)),
          Map.entry(Seq2Seq.class, f -> Seq2Seq.load(copy("t5-tiny", f), GENERATION)));

  private static Path text(String architecture, Path folder) {
    return new TinyModel(architecture).write(folder);
  }

  /** A folder of this test alone, which its messages name. */
  private static Path copy(String name, Path folder) {
    try (Stream<Path> files = Files.list(GoldenCases.folder(name))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.write(folder.resolve(file.getFileName()), Files.readAllBytes(file));
      }
      return folder;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static Path image(String name, Path folder) {
    try {
      return Files.writeString(
              copy(name, folder).resolve("preprocessor_config.json"),
              "{\"size\": {\"height\": 32, \"width\": 32}}")
          .getParent();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  static Stream<Class<?>> models() {
    return MODELS.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("models")
  void aModelThatNobodyCanReachIsFreedAndNamed(Class<?> type) throws Exception {
    long before = threads();
    String description = MODELS.get(type).apply(folder).description();
    assertTrue(description.startsWith("native"), description);
    awaitWarnings(1);
    String warning = warnings().getFirst();
    assertTrue(warning.startsWith(type.getSimpleName() + " of " + folder), warning);
    assertTrue(warning.contains("close() was not called"), warning);
    // The warning comes before the end.
    for (int look = 0; threads() > before && look < LOOKS; look++) {
      Thread.sleep(10);
    }
    assertTrue(threads() <= before, "threads of the model are left");
  }

  @Test
  void aClosedModelIsNotNamed() throws Exception {
    TextEmbedder.load(text("BertModel", folder), TEXT).close();
    TextEmbedder.load(folder, TEXT).embed("a");
    awaitWarnings(1);
    Thread.sleep(50);
    assertEquals(1, warnings().size());
  }

  @Test
  void itsMemoryIsGivenBack() throws Exception {
    TinyModel model = new TinyModel("BertModel");
    int positions = 400_000;
    model.config.addProperty("max_position_embeddings", positions);
    model.tensor("embeddings.position_embeddings.weight", positions, TinyModel.HIDDEN);
    model.write(folder);
    long bytes = 4L * positions * TinyModel.HIDDEN;
    TextEmbedder.load(folder, TEXT).embed("a");
    awaitWarnings(1);
    long before = residentBytes();
    for (int i = 2; i <= 12; i++) {
      TextEmbedder.load(folder, TEXT).embed("a");
      awaitWarnings(i);
    }
    long grown = residentBytes() - before;
    assertTrue(grown < 5 * bytes, grown / bytes + " of 11 models are still in memory");
  }

  /** Nothing but the call itself knows the model. */
  @Test
  void aModelInACallIsKept() throws Exception {
    text("BertModel", folder);
    float[] expected;
    try (TextEmbedder embedder = TextEmbedder.load(folder, TEXT)) {
      expected = embedder.embed("i love you");
    }
    int calls = 12;
    AtomicBoolean done = new AtomicBoolean();
    Thread collector = Thread.ofPlatform().start(() -> collect(done));
    try {
      for (int i = 0; i < calls; i++) {
        FutureTask<float[]> task =
            new FutureTask<>(() -> TextEmbedder.load(folder, TEXT).embed("i love you"));
        (i % 2 == 0 ? Thread.ofPlatform() : Thread.ofVirtual()).start(task);
        assertArrayEquals(expected, task.get());
      }
    } finally {
      done.set(true);
      collector.join();
    }
    awaitWarnings(calls);
  }

  private static void collect(AtomicBoolean done) {
    while (!done.get()) {
      System.gc();
      LockSupport.parkNanos(2_000_000);
    }
  }

  /** The list of images is read within the call. */
  @Test
  void aCallThatTakesLongKeepsItsModel() throws Exception {
    AtomicInteger warnings = new AtomicInteger();
    List<RgbImage> slow =
        new AbstractList<>() {
          @Override
          public RgbImage get(int index) {
            for (int i = 0; i < 10; i++) {
              System.gc();
              LockSupport.parkNanos(10_000_000);
            }
            warnings.addAndGet(warnings().size());
            return new RgbImage(32, 32, new byte[32 * 32 * 3]);
          }

          @Override
          public int size() {
            return 1;
          }
        };
    image("swin-small", folder);
    assertEquals(1, ImageClassifier.load(folder, IMAGE).classifyAll(slow).size());
    assertEquals(0, warnings.get());
    awaitWarnings(1);
  }

  @Test
  void aGenerationNeedsNoOtherReferenceToItsModel() throws Exception {
    GenerationOptions options =
        GenerationOptions.builder().maxNewTokens(25).stopAtEndToken(false).build();
    int[] prompt = {1, 2, 3};
    copy("gpt2-lm-generate", folder);
    Generation ended = CausalLM.load(folder, GENERATION).generate(prompt, options);
    int[] ids = ended.result().ids();
    assertEquals(25, ids.length);
    // One that has ended keeps nothing.
    awaitWarnings(1);
    assertArrayEquals(ids, ended.result().ids());
  }

  private List<String> warnings() {
    return log.stream()
        .filter(entry -> entry.getLevel().equals(Level.WARNING))
        .map(new SimpleFormatter()::formatMessage)
        .filter(message -> message.contains(folder.toString()))
        .toList();
  }

  private void awaitWarnings(int count) throws InterruptedException {
    for (int look = 0; warnings().size() < count && look < LOOKS; look++) {
      System.gc();
      Thread.sleep(10);
    }
    assertEquals(count, warnings().size(), () -> warnings().toString());
  }

  /** The threads of engines and schedulers. */
  private static long threads() throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks
          .map(UnclosedTest::name)
          .filter(name -> name.strip().matches("panaformer-(\\d+|sche.*)"))
          .count();
    }
  }

  private static String name(Path task) {
    try {
      return Files.readString(task.resolve("comm"));
    } catch (IOException e) {
      return ""; // ended meanwhile
    }
  }

  private static long residentBytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .sum();
  }
}
