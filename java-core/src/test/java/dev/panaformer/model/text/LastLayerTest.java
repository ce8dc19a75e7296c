package dev.panaformer.model.text;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.panaformer.GoldenCases;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.vision.ImageClassification;
import dev.panaformer.model.vision.Images;
import dev.panaformer.model.vision.VisionConfig;
import dev.panaformer.model.vision.VisionTask;
import dev.panaformer.model.vision.VitConfig;
import dev.panaformer.model.vision.VitModel;
import dev.panaformer.nn.Linear;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.WeightNames;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The last layer is computed only for the wanted rows. They have the same bits as in a pass that
 * computes all rows, with or without a trace.
 */
class LastLayerTest {
  private static final List<String> TEXTS =
      List.of(
          "bert-model",
          "distilbert-model",
          "albert-small",
          "bigbird-small",
          "longformer-small",
          "linformer-small",
          "performer-softmax-small");
  private static final List<String> CLASSIFIERS = List.of("bert-sequence-classification");
  private static final List<String> IMAGES =
      List.of("vit-small", "vit-image-classification", "deit-image-classification");

  private static final int[] LENGTHS = {1, 7, 17, 2, 12};
  private static final int[] COUNTS = {1, 2, 5};

  private final NativeMemory memory = new NativeMemory();
  private final Workspace workspace = new Workspace();
  private final Random random = new Random(11);
  private Kernels kernels;

  @AfterEach
  void close() {
    workspace.close();
    memory.close();
    kernels.close();
  }

  static Stream<Arguments> texts() {
    return withKernels(TEXTS);
  }

  static Stream<Arguments> classifiers() {
    return withKernels(CLASSIFIERS);
  }

  static Stream<Arguments> images() {
    return withKernels(IMAGES);
  }

  private static Stream<Arguments> withKernels(List<String> cases) {
    return cases.stream()
        .flatMap(name -> TestKernels.all().stream().map(kernels -> Arguments.of(name, kernels)));
  }

  private <M> M load(String name, Function<ConfigJson, WeightNames> names, Loader<M> loader) {
    Path folder = GoldenCases.folder(name);
    assumeTrue(Files.isDirectory(folder), () -> folder + " is not there");
    ConfigJson json = ConfigJson.read(folder.resolve("config.json"));
    try (Checkpoint checkpoint = SafetensorsCheckpoint.open(folder.resolve("model.safetensors"));
        Weights weights = new Weights(checkpoint, kernels, memory, names.apply(json))) {
      return loader.load(json, weights);
    }
  }

  private interface Loader<M> {
    M load(ConfigJson json, Weights weights);
  }

  private TextEncoder text(String name, BiFunction<EncoderConfig, Weights, TextEncoder> part) {
    return load(
        name,
        json -> EncoderConfig.of(json).weightNames(),
        (json, weights) -> part.apply(EncoderConfig.of(json), weights));
  }

  private TokenBatch batch(TextEncoder model) {
    TokenBatch batch = workspace.batch();
    for (int length : LENGTHS) {
      model.append(batch, random.ints(length, 3, model.config().vocabSize()).toArray(), null, null);
    }
    return batch;
  }

  private static float[] floats(MemorySegment x, long from, long count) {
    return x.asSlice(from * Float.BYTES, count * Float.BYTES).toArray(JAVA_FLOAT);
  }

  @ParameterizedTest
  @MethodSource("texts")
  void textsHaveTheHiddenStatesOfAFullPass(String name, Supplier<Kernels> supplier) {
    kernels = supplier.get();
    TextEncoder model = text(name, EncoderConfig::encoder);
    TokenBatch batch = batch(model);
    long hidden = model.config().hiddenSize();
    float[] all = floats(model.forward(batch, workspace, Trace.NONE), 0, batch.tokens() * hidden);
    for (int count : COUNTS) {
      RowSelection queries = RowSelection.in(workspace).firstOf(batch, count);
      float[] some =
          floats(
              model.hiddenStates(batch, queries, workspace, Trace.NONE),
              0,
              queries.count() * hidden);
      float[] traced =
          floats(
              model.hiddenStates(batch, queries, workspace, (result, values, shape) -> {}),
              0,
              queries.count() * hidden);
      assertArrayEquals(traced, some);
      for (int s = 0; s < LENGTHS.length; s++) {
        for (int i = 0; i < queries.lengths().length(s) * hidden; i++) {
          assertEquals(
              all[(int) (batch.start(s) * hidden) + i],
              some[(int) (queries.lengths().start(s) * hidden) + i]);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("classifiers")
  void classifiersHaveTheLogitsOfATracedPass(String name, Supplier<Kernels> supplier) {
    kernels = supplier.get();
    BertForSequenceClassification model =
        (BertForSequenceClassification) text(name, EncoderConfig::load);
    TokenBatch batch = batch(model);
    long count = (long) LENGTHS.length * model.config().labels().size();
    float[] traced =
        floats(model.forward(batch, workspace, (result, values, shape) -> {}), 0, count);
    assertArrayEquals(traced, floats(model.forward(batch, workspace, Trace.NONE), 0, count));
  }

  @ParameterizedTest
  @MethodSource("images")
  void imagesHaveTheHiddenStatesAndLogitsOfAFullPass(String name, Supplier<Kernels> supplier) {
    kernels = supplier.get();
    VisionTask task =
        load(
            name,
            json -> VisionConfig.of(json).weightNames(),
            (json, weights) -> VisionConfig.of(json).load(weights));
    ImageClassification head = (ImageClassification) task;
    VitModel model = (VitModel) head.encoder();
    VitConfig config = model.config();
    int height = config.imageHeight();
    int width = config.imageWidth();
    int count = 3;
    int values = count * config.numChannels() * height * width;
    Images images = new Images(noise(values), count, config.numChannels(), height, width);
    int hidden = config.hiddenSize();
    int tokens = model.layout(height, width).tokens();
    float[] all =
        floats(
            model.forward(images, false, workspace, Trace.NONE), 0, (long) count * tokens * hidden);
    for (int first = 1; first <= 3; first++) {
      int floats = first * hidden;
      MemorySegment some = model.firstTokens(images, false, first, workspace, Trace.NONE);
      for (int i = 0; i < count; i++) {
        int from = i * tokens * hidden;
        assertArrayEquals(
            Arrays.copyOfRange(all, from, from + floats), floats(some, (long) i * floats, floats));
      }
    }
    check(head, images);
    check(new ImageClassification(model, List.of(linear(config), linear(config))), images);
  }

  private Linear linear(VitConfig config) {
    int labels = config.labels().size();
    int hidden = config.hiddenSize();
    return new Linear(
        kernels.packing().pack("w", noise(labels * hidden), labels, hidden, memory), noise(labels));
  }

  private MemorySegment noise(int count) {
    MemorySegment values = memory.allocate((long) count * Float.BYTES);
    for (int i = 0; i < count; i++) {
      values.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return values;
  }

  private void check(ImageClassification head, Images images) {
    long logits = (long) images.count() * head.config().labels().size();
    float[] traced =
        floats(head.forward(images, false, workspace, (name, values, shape) -> {}), 0, logits);
    assertArrayEquals(
        traced, floats(head.forward(images, false, workspace, Trace.NONE), 0, logits));
  }
}
