package dev.panaformer.model.decoder;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.GoldenCases;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TestKernels;
import dev.panaformer.kernel.decoding.DecoderBatch;
import dev.panaformer.kernel.decoding.KvCache;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A pass that computes results for some tokens gives the same results as a pass for all tokens, and
 * fills the cache in the same way.
 */
class DecoderQueriesTest {
  private static final int[] LENGTHS = {5, 1, 7, 1, 17};

  /**
   * The query rows among 31 tokens: the last two of the first sequence, none of the second, and so
   * on.
   */
  private static final int[] QUERIES = {3, 4, 12, 13, 28, 29, 30};

  static Stream<Arguments> models() {
    List<Arguments> all = new ArrayList<>();
    for (String name : List.of("gpt2-lm-generate", "llama-lm-generate")) {
      for (Named<Supplier<Kernels>> kernels : TestKernels.all()) {
        all.add(Arguments.of(name, kernels));
      }
    }
    return all.stream();
  }

  /** The results of a pass over the prompts and a pass over one further token of each sequence. */
  private static float[][] passes(CausalModel model, Kernels kernels, int[]... queries) {
    CausalConfig c = model.config();
    float[][] results = new float[queries.length][];
    try (KvCache cache =
            new KvCache(c.numLayers(), c.kvHeads(), c.headDim(), 40, 4, kernels.memory());
        Workspace workspace = new Workspace(kernels.memory());
        DecoderBatch batch = new DecoderBatch()) {
      KvCache.Sequence[] sequences = new KvCache.Sequence[LENGTHS.length];
      Arrays.setAll(sequences, s -> cache.open());
      for (int pass = 0; pass < queries.length; pass++) {
        batch.clear();
        for (int s = 0; s < sequences.length; s++) {
          int length = pass == 0 ? LENGTHS[s] : 1;
          int[] ids = new Random(10 * pass + s).ints(length, 0, c.vocabSize()).toArray();
          batch.add(sequences[s], ids, 0, length);
        }
        batch.query(queries[pass]);
        MemorySegment x = model.forward(batch, cache, workspace, Trace.NONE);
        long bytes = (long) queries[pass].length * c.hiddenSize() * Float.BYTES;
        MemorySegment host = kernels.memory().onHost(x, bytes / Float.BYTES, workspace);
        results[pass] = host.asSlice(0, bytes).toArray(JAVA_FLOAT);
      }
    }
    return results;
  }

  @ParameterizedTest
  @MethodSource("models")
  void someTokensGetWhatAllWouldGiveThem(String name, Supplier<Kernels> supplier) {
    ModelFolder folder = ModelFolder.open(GoldenCases.folder(name));
    CausalConfig config = CausalConfig.of(folder.config());
    int[] all = IntStream.range(0, 31).toArray();
    int[] each = IntStream.range(0, LENGTHS.length).toArray();
    try (Kernels kernels = supplier.get();
        NativeMemory memory = new NativeMemory();
        Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.weightNames())) {
      CausalModel model = CausalModel.load(weights, config);
      float[][] expected = passes(model, kernels, all, each);
      float[][] some = passes(model, kernels, QUERIES, each);
      int hidden = config.hiddenSize();
      for (int i = 0; i < QUERIES.length; i++) {
        assertArrayEquals(
            Arrays.copyOfRange(expected[0], QUERIES[i] * hidden, (QUERIES[i] + 1) * hidden),
            Arrays.copyOfRange(some[0], i * hidden, (i + 1) * hidden),
            "row " + QUERIES[i]);
      }
      assertArrayEquals(expected[1], some[1], "the next token");
      float[][] none = passes(model, kernels, new int[0], each);
      assertArrayEquals(expected[1], none[1], "the next token, after a pass without queries");
    }
  }

  @Test
  void rowsThatAreNotTheLastOfTheirSequenceAreRefused() {
    try (KvCache cache = new KvCache(1, 1, 4, 4, 4);
        DecoderBatch batch = new DecoderBatch()) {
      batch.add(cache.open(), new int[3], 0, 3);
      batch.add(cache.open(), new int[2], 0, 2);
      batch.query(new int[] {1, 2});
      assertEquals(2, batch.queries().count());
      assertEquals(0, batch.queries().lengths().length(1));
      batch.query(new int[] {0, 1, 2, 3, 4});
      assertTrue(batch.queries().isAll());
      for (int[] rows : new int[][] {{1}, {0, 2}, {2, 3}, {4, 5}, {-1}}) {
        Exception e = assertThrows(IllegalArgumentException.class, () -> batch.query(rows));
        assertTrue(e.getMessage().startsWith("row "), e.getMessage());
      }
    }
  }
}
