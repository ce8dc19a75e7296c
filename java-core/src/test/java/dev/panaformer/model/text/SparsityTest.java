package dev.panaformer.model.text;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.panaformer.GoldenCases;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.SafetensorsCheckpoint;
import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Encoders with sparse attention. Golden cases test their results; these tests cover the rest. */
class SparsityTest {
  private static final Path CASES = GoldenCases.folder("longformer-small").getParent();

  private Kernels kernels = new JavaKernels();
  private final NativeMemory memory = new NativeMemory();
  private final Workspace workspace = new Workspace();

  @AfterEach
  void close() {
    workspace.close();
    memory.close();
    kernels.close();
  }

  private BertModel load(String name) {
    Path folder = CASES.resolve(name);
    BertConfig config = BertConfig.of(ConfigJson.read(folder.resolve("config.json")));
    try (Checkpoint checkpoint = SafetensorsCheckpoint.open(folder.resolve("model.safetensors"));
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      return BertModel.load(weights, config);
    }
  }

  /** A sequence with some global tokens: none, few, or more than a head has features. */
  private static Sequence sequence(BertModel model, int length, int globals) {
    int[] ids = new int[length];
    int[] mask = new int[length];
    for (int i = 0; i < length; i++) {
      ids[i] = 3 + i * 7 % (model.config().vocabSize() - 3);
      mask[i] = i % 3 == 0 && i / 3 < globals ? 1 : 0;
    }
    boolean windows = model.config().sparsity().orElseThrow() instanceof Longformer;
    return new Sequence(ids, null, null, null, windows ? mask : null, null);
  }

  static Stream<Arguments> modelsAndKernels() {
    return Stream.of("longformer-small", "bigbird-small")
        .flatMap(name -> TestKernels.all().stream().map(kernels -> Arguments.of(name, kernels)));
  }

  @ParameterizedTest
  @MethodSource("modelsAndKernels")
  void aSequenceAloneHasTheBitsItHasInABatch(String name, Supplier<Kernels> supplier) {
    kernels.close();
    kernels = supplier.get();
    BertModel model = load(name);
    Sequence[] sequences = {
      sequence(model, 40, 3),
      sequence(model, 1, 1),
      sequence(model, 37, 12),
      sequence(model, 42, 0),
      sequence(model, 12, 4),
      sequence(model, 42, 9)
    };
    TokenBatch batch = workspace.batch();
    for (Sequence sequence : sequences) {
      model.append(batch, sequence);
    }
    float[] together = forward(model);
    int start = 0;
    for (Sequence sequence : sequences) {
      int end = start + sequence.places() * model.config().hiddenSize();
      batch.clear();
      model.append(batch, sequence);
      assertArrayEquals(Arrays.copyOfRange(together, start, end), forward(model));
      start = end;
    }
    batch.clear();
    assertEquals(0, forward(model).length);
  }

  private float[] forward(BertModel model) {
    TokenBatch batch = workspace.batch();
    MemorySegment x = model.forward(batch, workspace);
    long bytes = (long) batch.tokens() * model.config().hiddenSize() * Float.BYTES;
    return x.asSlice(0, bytes).toArray(JAVA_FLOAT);
  }

  /** The random blocks of the golden case are those that the reference drew in training. */
  @Test
  void blocksAreDrawnAsInTraining() {
    Path inputs = CASES.resolve("bigbird-small").resolve("inputs.safetensors");
    try (Checkpoint checkpoint = SafetensorsCheckpoint.open(inputs);
        Arena arena = Arena.ofConfined()) {
      int[][][][] expected = randomBlocks(checkpoint, arena);
      BigBird model = (BigBird) load("bigbird-small").config().sparsity().orElseThrow();
      int[][][][] drawn = new RandomBlocks(0).of(model, expected[0][0].length + 2);
      for (int layer = 0; layer < expected.length; layer++) {
        for (int head = 0; head < expected[layer].length; head++) {
          assertArrayEquals(expected[layer][head], drawn[layer][head]);
        }
      }
      int[][] other = new RandomBlocks(9).of(model, drawn[0][0].length + 2)[0][0];
      assertThrows(AssertionError.class, () -> assertArrayEquals(drawn[0][0], other));
    }
  }

  /** The random blocks of all layers, {@code [layers][heads][rows][blocks]}. */
  private static int[][][][] randomBlocks(Checkpoint inputs, Arena arena) {
    List<int[][][]> layers = new ArrayList<>();
    for (int i = 0; inputs.names().contains("random_blocks." + i); i++) {
      Tensor tensor = inputs.tensor("random_blocks." + i, arena);
      int rows = (int) tensor.shape()[1];
      int count = (int) tensor.shape()[2];
      long[] values = tensor.toLongs();
      int[][][] heads = new int[(int) tensor.shape()[0]][rows][count];
      for (int at = 0; at < values.length; at++) {
        heads[at / count / rows][at / count % rows][at % count] = (int) values[at];
      }
      layers.add(heads);
    }
    return layers.toArray(int[][][][]::new);
  }

  @Test
  void blocksOfThePapersLengthsAreDrawnByItsPlan() {
    BigBird model = new BigBird(false, 64, 3, 1, 2, 4096, true, 66, new RandomBlocks(0));
    int[][][][] drawn = new RandomBlocks(0).of(model, 16);
    // Drawn with numpy.random.seed(0) and two calls of
    // BigBirdBlockSparseAttention._bigbird_block_rand_mask.
    assertArrayEquals(PAPER_FIRST, drawn[0][0][0]);
    assertArrayEquals(PAPER_LAST, drawn[0][1][13]);
  }

  private static final int[] PAPER_FIRST = {9, 14, 7};
  private static final int[] PAPER_LAST = {11, 8, 10};

  @Test
  void whatDoesNotFitIsNamed() {
    BertModel windows = load("longformer-small");
    BertModel blocks = load("bigbird-small");
    TokenBatch batch = workspace.batch();
    int[] ids = new int[46];
    Arrays.fill(ids, 5);
    refused(
        "globalMask for a BigBird, of which the first and the last block see all",
        () -> blocks.append(batch, new Sequence(ids, null, null, null, ids, null)));
    refused(
        "randomBlocks are not [2, 2, 10, 2] with blocks from 0 to 11",
        () -> blocks.append(batch, new Sequence(ids, null, null, null, null, new int[2][2][9][2])));
    int[][][][] outside = new int[2][2][10][2];
    outside[1][1][9][1] = 12;
    refused(
        "randomBlocks are not [2, 2, 10, 2] with blocks from 0 to 11",
        () -> blocks.append(batch, new Sequence(ids, null, null, null, null, outside)));
    int[] few = {5, 6, 7};
    refused(
        "randomBlocks for a Longformer, which has windows",
        () -> windows.append(batch, new Sequence(few, null, null, null, null, outside)));
    refused(
        "a question that does not end: no token of the sequence is the separator 2",
        () -> windows.append(batch, few, null, null, GlobalTokens.QUESTION));
    refused("2 globalMask for 3 ids", () -> new Sequence(few, null, null, null, new int[2], null));
    refused("1 positionIds for 3 ids", () -> new Sequence(few, null, null, new int[1], null, null));
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  /** ALBERT: the layers of a group are loaded once, even if several layers share them. */
  @Test
  void layersThatShareWeightsAreOne() {
    BertModel model = load("albert-small");
    assertEquals(4, model.layers().size());
    assertSame(model.layers().get(0), model.layers().get(1));
    assertSame(model.layers().get(2), model.layers().get(3));
    long bytes = memory.bytes();
    ConfigJson json =
        ConfigJson.read(CASES.resolve("albert-small").resolve("config.json"))
            .with("num_hidden_layers", 400);
    BertConfig deep = BertConfig.of(json);
    try (NativeMemory other = new NativeMemory();
        Checkpoint checkpoint =
            SafetensorsCheckpoint.open(CASES.resolve("albert-small").resolve("model.safetensors"));
        Weights weights = new Weights(checkpoint, kernels, other, deep.weightNames())) {
      assertEquals(400, BertModel.load(weights, deep).layers().size());
      assertEquals(bytes, other.bytes());
    }
  }
}
