package dev.panaformer.runtime;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.panaformer.GoldenCases;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.generate.GenerationOptions;
import dev.panaformer.generate.GenerationResult;
import dev.panaformer.generate.schedule.Decoder;
import dev.panaformer.generate.schedule.Prompt;
import dev.panaformer.generate.schedule.Scheduler;
import dev.panaformer.generate.schedule.Source;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.decoder.CausalConfig;
import dev.panaformer.model.decoder.CausalModel;
import dev.panaformer.model.decoder.Seq2SeqConfig;
import dev.panaformer.model.decoder.Seq2SeqModel;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Embeddings in the place of tokens, and states in the place of a source, give the bits of the
 * tokens that they were computed of.
 */
class PromptEmbeddingsTest {
  private static final GenerationLimits LIMITS = new GenerationLimits(512, 4, 8, 64);

  private static Stream<Arguments> with(String... names) {
    List<Arguments> all = new ArrayList<>();
    for (String name : names) {
      for (Named<Supplier<Kernels>> kernels : TestKernels.all()) {
        all.add(Arguments.of(name, kernels));
      }
    }
    return all.stream();
  }

  static Stream<Arguments> decoders() {
    return with("gpt2-lm-generate", "llama-lm-generate");
  }

  static Stream<Arguments> encoderDecoders() {
    return with("t5-tiny", "bart-tiny");
  }

  /** The rows of a checkpoint's table of token embeddings. */
  private static float[] embeddings(Checkpoint checkpoint, int[] ids, int hidden) {
    String name =
        checkpoint.names().stream()
            .filter(n -> n.endsWith("wte.weight") || n.endsWith("embed_tokens.weight"))
            .findFirst()
            .orElseThrow();
    try (Arena arena = Arena.ofConfined()) {
      Tensor table = checkpoint.tensor(name, arena);
      float[] all = table.toFloats();
      float[] rows = new float[ids.length * hidden];
      for (int i = 0; i < ids.length; i++) {
        System.arraycopy(all, ids[i] * hidden, rows, i * hidden, hidden);
      }
      return rows;
    }
  }

  private static float[] logits(Decoder decoder, int... rows) {
    MemorySegment logits = decoder.logits(rows, rows.length);
    long bytes = (long) rows.length * decoder.vocabulary() * Float.BYTES;
    return logits.asSlice(0, bytes).toArray(JAVA_FLOAT);
  }

  /** The logits of all tokens, read in two pieces, and of a token after them in a fork. */
  private static List<float[]> read(Decoder decoder, Decoder.Sequence sequence, int[] ids) {
    List<float[]> all = new ArrayList<>();
    int half = ids.length / 2;
    for (int[] piece : new int[][] {{0, half}, {half, ids.length}}) {
      decoder.begin();
      decoder.add(sequence, ids, piece[0], piece[1]);
      int[] rows = IntStream.range(0, piece[1] - piece[0]).toArray();
      decoder.forward(rows);
      all.add(logits(decoder, rows));
    }
    try (Decoder.Sequence fork = sequence.fork()) {
      decoder.begin();
      decoder.add(fork, new int[] {3}, 0, 1);
      decoder.forward(new int[] {0});
      all.add(logits(decoder, 0));
    }
    sequence.close();
    return all;
  }

  private static void assertSame(List<float[]> expected, List<float[]> actual) {
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), actual.get(i), "pass " + i);
    }
  }

  @ParameterizedTest
  @MethodSource("decoders")
  void rowsOfThePromptAreTheTokensThatTheyEmbed(String name, Supplier<Kernels> supplier) {
    ModelFolder folder = ModelFolder.open(GoldenCases.folder(name));
    CausalConfig config = CausalConfig.of(folder.config());
    try (Kernels kernels = supplier.get();
        NativeMemory memory = kernels.memory().allocator(new NativeMemory());
        Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      CausalModel model = CausalModel.load(weights, config);
      int hidden = config.hiddenSize();
      int[] ids = new Random(1).ints(11, 0, config.vocabSize()).toArray();
      int[] embedded = Arrays.copyOfRange(ids, 2, 8);
      float[] rows = embeddings(checkpoint, embedded, hidden);
      int[] mixed = ids.clone();
      Arrays.setAll(mixed, i -> i >= 2 && i < 8 ? -1 - (i - 2) : ids[i]);
      try (PagedDecoder decoder = new PagedDecoder(model, LIMITS)) {
        assertEquals(hidden, decoder.width());
        assertSame(
            read(decoder, decoder.open(), ids), read(decoder, decoder.open(null, rows), mixed));
      }
      try (Scheduler scheduler =
          new Scheduler(name, new PagedDecoder(model, LIMITS), Set.of(), null, 8, 4)) {
        for (GenerationOptions options : options()) {
          GenerationResult expected = scheduler.generate(ids, options).result();
          Prompt prompt =
              Prompt.of(ids[0], ids[1])
                  .thenRows(Arrays.copyOf(rows, 2 * hidden), hidden)
                  .thenRows(Arrays.copyOfRange(rows, 2 * hidden, rows.length), hidden)
                  .then(Arrays.copyOfRange(ids, 8, ids.length));
          GenerationResult actual = scheduler.generate(prompt, options).result();
          assertArrayEquals(expected.ids(), actual.ids());
          assertArrayEquals(expected.logProbabilities(), actual.logProbabilities());
        }
        Prompt narrow = Prompt.of(1).thenRows(new float[hidden - 1], hidden - 1);
        assertThrows(
            IllegalArgumentException.class,
            () -> scheduler.generate(narrow, GenerationOptions.DEFAULT));
        assertThrows(
            IndexOutOfBoundsException.class,
            () -> scheduler.generate(new int[] {-1}, GenerationOptions.DEFAULT));
      }
    }
  }

  /** One text, and a beam search. */
  private static List<GenerationOptions> options() {
    GenerationOptions options =
        GenerationOptions.builder().maxNewTokens(6).stopAtEndToken(false).build();
    return List.of(
        options.toBuilder().logProbabilities(true).build(), options.toBuilder().beams(3).build());
  }

  @ParameterizedTest
  @MethodSource("encoderDecoders")
  void encodedStatesAreTheSourceThatTheyEncode(String name, Supplier<Kernels> supplier) {
    ModelFolder folder = ModelFolder.open(GoldenCases.folder(name));
    Seq2SeqConfig config = Seq2SeqConfig.of(folder.config());
    try (Kernels kernels = supplier.get();
        NativeMemory memory = kernels.memory().allocator(new NativeMemory());
        Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      Seq2SeqModel model = Seq2SeqModel.load(weights, config);
      int[] source = new Random(2).ints(9, 3, config.sourceVocabSize()).toArray();
      int[] target = new Random(3).ints(5, 3, config.vocabSize()).toArray();
      float[] states = encode(model, kernels, source);
      Source encoded = Source.ofStates(states, config.hiddenSize());
      try (PagedDecoder decoder = new PagedDecoder(model, LIMITS)) {
        assertSame(
            read(decoder, decoder.open(Source.of(source)), target),
            read(decoder, decoder.open(encoded), target));
      }
      try (Scheduler scheduler =
          new Scheduler(name, new PagedDecoder(model, LIMITS), Set.of(), null, 8, 64)) {
        Prompt start = Prompt.of(target[0]);
        for (GenerationOptions options : options()) {
          // Both kinds of sources under way together.
          var ofTokens = scheduler.generate(Source.of(source), start, options);
          var ofStates = scheduler.generate(encoded, start, options);
          assertArrayEquals(ofTokens.result().ids(), ofStates.result().ids());
          assertArrayEquals(
              ofTokens.result().logProbabilities(), ofStates.result().logProbabilities());
        }
        Source narrow = Source.ofStates(new float[3], 3);
        assertThrows(
            IllegalArgumentException.class,
            () -> scheduler.generate(narrow, start, GenerationOptions.DEFAULT));
      }
    }
  }

  private static float[] encode(Seq2SeqModel model, Kernels kernels, int[] source) {
    Seq2SeqConfig c = model.config();
    try (KvCache cache =
            new KvCache(c.numLayers(), c.kvHeads(), c.headDim(), 8, 4, kernels.memory());
        Workspace workspace = new Workspace(kernels.memory());
        DecoderBatch batch = new DecoderBatch()) {
      batch.add(cache.open(), source, 0, source.length);
      MemorySegment x = model.transformer().encode(batch.tokens(), workspace, Trace.NONE);
      int floats = source.length * c.hiddenSize();
      MemorySegment host = kernels.memory().onHost(x, floats, workspace);
      return host.asSlice(0, (long) floats * Float.BYTES).toArray(JAVA_FLOAT);
    }
  }
}
