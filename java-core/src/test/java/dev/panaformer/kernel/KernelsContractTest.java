package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.embedding.EmbeddingTables;
import dev.panaformer.kernel.embedding.Pooling;
import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.FeedForwardWeights;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What every implementation of {@link Kernels} has to do, on every instruction set. */
@ParameterizedClass
@MethodSource("kernels")
class KernelsContractTest {
  private static final float EPS = 1e-5f;
  private static final double FLOAT_ULP = Math.ulp(1f);

  /** Written over outputs first, and found behind them afterwards. */
  private static final float POISON = Float.NaN;

  private static final int GUARD = 16;

  @Parameter Supplier<Kernels> supplier;

  private final Random random = new Random(7);
  private Kernels kernels;
  private Arena arena;
  private Workspace workspace;

  static List<Named<Supplier<Kernels>>> kernels() {
    return TestKernels.all();
  }

  @BeforeEach
  void open() {
    kernels = supplier.get();
    arena = Arena.ofConfined();
    workspace = new Workspace();
  }

  @AfterEach
  void close() {
    workspace.close();
    arena.close();
    kernels.close();
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 7, 300",
    "7, 17, 63",
    "17, 65, 65",
    "17, 197, 7",
    "63, 300, 17",
    "65, 63, 197"
  })
  void linear(int tokens, int out, int in) {
    for (Activation activation : Activation.values()) {
      for (boolean withResidual : new boolean[] {false, true}) {
        float[] x = random(tokens * in);
        float[] w = random(out * in);
        float[] bias = random(out);
        float[] residual = withResidual ? random(tokens * out) : new float[tokens * out];
        // The residual is where the result goes, as in a layer's output projection.
        MemorySegment y = withResidual ? segment(residual) : output(tokens * out);
        kernels
            .linear()
            .linear(
                segment(x),
                new LinearWeights(
                    kernels.packing().pack("w", segment(w), out, in, arena), segment(bias)),
                withResidual ? y : MemorySegment.NULL,
                y,
                tokens,
                activation);
        double[] expected = Reference.linear(x, w, bias, tokens, out, in);
        for (int i = 0; i < expected.length; i++) {
          expected[i] = Reference.activate(expected[i], activation) + residual[i];
        }
        // Each of the in products and sums rounds once; no activation is steeper than 1.2.
        assertClose(expected, y, 1.2 * (in + 4) * FLOAT_ULP * (in + 2));
      }
    }
  }

  @Test
  void linearWithoutBias() {
    float[] x = random(7 * 17);
    float[] w = random(63 * 17);
    MemorySegment y = output(7 * 63);
    PackedWeight packed = kernels.packing().pack("w", segment(w), 63, 17, arena);
    kernels
        .linear()
        .linear(
            segment(x),
            new LinearWeights(packed, MemorySegment.NULL),
            MemorySegment.NULL,
            y,
            7,
            Activation.NONE);
    assertClose(Reference.linear(x, w, new float[63], 7, 63, 17), y, 20 * FLOAT_ULP * 17);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "1, 64, 300", "7, 17, 63", "17, 63, 197", "65, 65, 17", "300, 7, 65"})
  void feedForward(int tokens, int hidden, int intermediate) {
    float[] x = random(tokens * hidden);
    float[] up = random(intermediate * hidden);
    float[] down = random(hidden * intermediate);
    float[] upBias = random(intermediate);
    float[] downBias = random(hidden);
    MemorySegment input = segment(x);
    MemorySegment y = output(tokens * hidden);
    kernels
        .linear()
        .feedForward(
            input,
            FeedForwardWeights.plain(
                new LinearWeights(
                    kernels.packing().pack("up", segment(up), intermediate, hidden, arena),
                    segment(upBias)),
                new LinearWeights(
                    kernels.packing().pack("down", segment(down), hidden, intermediate, arena),
                    segment(downBias)),
                Activation.GELU_ERF),
            input,
            y,
            tokens,
            workspace);
    double[] inner = Reference.linear(x, up, upBias, tokens, intermediate, hidden);
    float[] activated = new float[inner.length];
    for (int i = 0; i < inner.length; i++) {
      activated[i] = (float) Reference.activate(inner[i], Activation.GELU_ERF);
    }
    double[] expected = Reference.linear(activated, down, downBias, tokens, hidden, intermediate);
    for (int i = 0; i < expected.length; i++) {
      expected[i] += x[i];
    }
    double innerError = 1.2 * (hidden + 4) * FLOAT_ULP * (hidden + 2);
    double outerError = (intermediate + 4) * FLOAT_ULP * (intermediate * (hidden + 2.0) + 2);
    assertClose(expected, y, intermediate * innerError + outerError);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 63, 65, 197, 300, 384})
  void embedding(int hidden) {
    int vocab = 17;
    float[] word = random(vocab * hidden);
    float[] position = random(9 * hidden);
    float[] type = random(2 * hidden);
    float[] weight = random(hidden);
    float[] bias = random(hidden);
    int[] lengths = {1, 7, 9};
    batch(lengths, vocab);
    TokenBatch batch = workspace.batch();
    int tokens = batch.tokens();
    for (boolean wordsAlone : new boolean[] {false, true}) {
      EmbeddingTables tables =
          new EmbeddingTables(
              segment(word),
              wordsAlone ? MemorySegment.NULL : segment(position),
              wordsAlone ? MemorySegment.NULL : segment(type),
              segment(weight),
              segment(bias),
              vocab,
              wordsAlone ? 0 : 9,
              wordsAlone ? 0 : 2,
              hidden,
              EPS);
      double[] sum = new double[tokens * hidden];
      for (int t = 0; t < tokens; t++) {
        for (int i = 0; i < hidden; i++) {
          sum[t * hidden + i] = word[batch.ids().getAtIndex(JAVA_INT, t) * hidden + i];
          if (!wordsAlone) {
            sum[t * hidden + i] +=
                position[batch.positionIds().getAtIndex(JAVA_INT, t) * hidden + i]
                    + type[batch.tokenTypeIds().getAtIndex(JAVA_INT, t) * hidden + i];
          }
        }
      }
      MemorySegment y = output(tokens * hidden);
      kernels.embedding().embedding(tables, batch, y, workspace);
      assertClose(Reference.layerNorm(sum, weight, bias, hidden, EPS), y, normError(hidden));
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 7", "3, 64", "17, 300", "5, 197", "65, 63", "7, 1"})
  void norms(int tokens, int hidden) {
    float[] x = random(tokens * hidden);
    float[] residual = random(tokens * hidden);
    float[] weight = random(hidden);
    float[] bias = random(hidden);
    double[] z = new double[x.length];
    for (int i = 0; i < z.length; i++) {
      z[i] = (double) x[i] + residual[i];
    }
    MemorySegment y = output(tokens * hidden);
    kernels
        .norm()
        .layerNorm(
            segment(x),
            segment(residual),
            new NormWeights(segment(weight), segment(bias), hidden, EPS),
            y,
            tokens);
    assertClose(Reference.layerNorm(z, weight, bias, hidden, EPS), y, normError(hidden));

    y = output(tokens * hidden);
    kernels
        .norm()
        .rmsNorm(
            segment(x),
            segment(residual),
            new NormWeights(segment(weight), hidden, EPS),
            y,
            tokens);
    assertClose(Reference.rmsNorm(z, weight, hidden, EPS), y, normError(hidden));

    MemorySegment inPlace = segment(x);
    kernels
        .norm()
        .layerNorm(
            inPlace,
            segment(residual),
            new NormWeights(segment(weight), segment(bias), hidden, EPS),
            inPlace,
            tokens);
    assertClose(Reference.layerNorm(z, weight, bias, hidden, EPS), inPlace, normError(hidden));
  }

  /** Values are below 2 and a row's spread is at least √eps, which amplifies what the sums lose. */
  private static double normError(int hidden) {
    return hidden == 1 ? 16 * FLOAT_ULP / Math.sqrt(EPS) : (hidden + 16) * FLOAT_ULP * 8;
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "3, 7", "2, 63", "5, 197", "17, 300"})
  void softmax(int rows, int columns) {
    float[] x = random(rows * columns);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 20;
    }
    MemorySegment y = output(rows * columns);
    kernels.norm().softmax(segment(x), y, rows, columns);
    double[] expected = new double[x.length];
    for (int row = 0; row < rows; row++) {
      double[] logits = new double[columns];
      for (int i = 0; i < columns; i++) {
        logits[i] = x[row * columns + i];
      }
      System.arraycopy(Reference.softmax(logits), 0, expected, row * columns, columns);
    }
    assertClose(expected, y, (columns + 64) * FLOAT_ULP);
  }

  @Test
  void softmaxOfNothingIsZero() {
    float[] x = new float[7];
    Arrays.fill(x, Float.NEGATIVE_INFINITY);
    MemorySegment y = output(7);
    kernels.norm().softmax(segment(x), y, 1, 7);
    assertClose(new double[7], y, 0);
  }

  @ParameterizedTest
  @EnumSource
  void activate(Activation activation) {
    float[] x = random(301);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 12;
    }
    MemorySegment y = output(x.length);
    kernels.linear().activate(segment(x), y, x.length, activation);
    double[] expected = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      expected[i] = Reference.activate(x[i], activation);
    }
    assertClose(expected, y, 12 * 8 * FLOAT_ULP);
  }

  @ParameterizedTest
  @CsvSource({
    // heads, kvHeads, headDim
    "1, 1, 1",
    "2, 2, 7",
    "4, 2, 32",
    "3, 1, 64",
    "2, 2, 65",
    "1, 1, 256",
    "8, 1, 17"
  })
  void attention(int heads, int kvHeads, int headDim) {
    int[] queries = {1, 7, 0, 63, 17};
    int[] keys = {65, 7, 17, 197, 1};
    for (boolean causal : new boolean[] {false, true}) {
      for (boolean withBias : new boolean[] {false, true}) {
        attend(queries, keys, heads, kvHeads, headDim, causal, withBias);
      }
    }
  }

  private void attend(
      int[] queries,
      int[] keys,
      int heads,
      int kvHeads,
      int headDim,
      boolean causal,
      boolean withBias) {
    int qTokens = Arrays.stream(queries).sum();
    int kvTokens = Arrays.stream(keys).sum();
    int maxKeys = Arrays.stream(keys).max().getAsInt();
    int maxQueries = Arrays.stream(queries).max().getAsInt();
    // Rows are wider than the heads, and heads lie apart, so that a stride that is ignored shows.
    int headStride = headDim + 3;
    int qRow = heads * headStride + 5;
    int kvRow = kvHeads * headStride + 1;
    float[] q = random(qTokens * qRow);
    float[] k = random(kvTokens * kvRow);
    float[] v = random(kvTokens * kvRow);
    float[] bias = random(heads * maxQueries * maxKeys);
    float scale = (float) (1 / Math.sqrt(headDim));
    MemorySegment y = output(qTokens * heads * headDim);
    Attention call =
        new Attention()
            .of(heads, kvHeads, headDim, scale)
            .query(segment(q), 0, qRow, headStride, cumulative(queries), qTokens)
            .keys(segment(k), 0, segment(v), 0, kvRow, headStride, cumulative(keys), kvTokens)
            .output(y, (long) heads * headDim, headDim)
            .sequences(queries.length);
    if (causal) {
      call.causal();
    }
    if (withBias) {
      call.bias(segment(bias), 0, (long) maxQueries * maxKeys, maxKeys);
    }
    kernels.attention().attention(call, workspace);

    double[] expected = new double[qTokens * heads * headDim];
    int firstQuery = 0;
    int firstKey = 0;
    for (int s = 0; s < queries.length; s++) {
      for (int h = 0; h < heads && queries[s] > 0; h++) {
        int kvHead = h / (heads / kvHeads);
        float[][] biasOfHead = new float[queries[s]][keys[s]];
        for (int i = 0; i < queries[s] && withBias; i++) {
          int row = (h * maxQueries + i) * maxKeys;
          biasOfHead[i] = Arrays.copyOfRange(bias, row, row + keys[s]);
        }
        double[][] head =
            Reference.attention(
                rows(q, firstQuery, queries[s], qRow, h * headStride, headDim),
                rows(k, firstKey, keys[s], kvRow, kvHead * headStride, headDim),
                rows(v, firstKey, keys[s], kvRow, kvHead * headStride, headDim),
                biasOfHead,
                scale,
                causal);
        for (int i = 0; i < queries[s]; i++) {
          int row = ((firstQuery + i) * heads + h) * headDim;
          System.arraycopy(head[i], 0, expected, row, headDim);
        }
      }
      firstQuery += queries[s];
      firstKey += keys[s];
    }
    // A score is wrong by (headDim + 2) ulps of √headDim at most, and so is its exponential.
    assertClose(expected, y, (4 * headDim + 4 * maxKeys + 64) * FLOAT_ULP);
  }

  @Test
  void packedAttentionIsAttentionOverSlices() {
    int heads = 3;
    int headDim = 17;
    int hidden = heads * headDim;
    batch(new int[] {7, 1, 65}, 10);
    TokenBatch batch = workspace.batch();
    int tokens = batch.tokens();
    float[] qkv = random(tokens * 3 * hidden);
    MemorySegment packed = output(tokens * hidden);
    kernels
        .attention()
        .attention(
            new Attention().of(heads, heads, headDim, 0.2f).packed(segment(qkv), packed, batch),
            workspace);
    MemorySegment separate = output(tokens * hidden);
    kernels
        .attention()
        .attention(
            new Attention()
                .of(heads, heads, headDim, 0.2f)
                .query(
                    segment(columns(qkv, tokens, 3 * hidden, 0, hidden)),
                    0,
                    hidden,
                    headDim,
                    batch.cuSeqlens(),
                    tokens)
                .keys(
                    segment(columns(qkv, tokens, 3 * hidden, hidden, hidden)),
                    0,
                    segment(columns(qkv, tokens, 3 * hidden, 2 * hidden, hidden)),
                    0,
                    hidden,
                    headDim,
                    batch.cuSeqlens(),
                    tokens)
                .output(separate, hidden, headDim)
                .sequences(batch.sequences()),
            workspace);
    assertArrayEquals(floats(separate, 0, tokens * hidden), floats(packed, 0, tokens * hidden));
  }

  @ParameterizedTest
  @CsvSource({
    // heads, kvHeads, headDim, one list for all heads
    "1, 1, 1, true",
    "2, 2, 7, false",
    "4, 2, 32, true",
    "3, 1, 64, false",
    "1, 1, 300, true"
  })
  void sparseAttention(int heads, int kvHeads, int headDim, boolean shared) {
    int tokens = 197;
    int[] blocks = {1, 7, 0, 63, 65, 61};
    float[] q = random(tokens * heads * headDim);
    float[] k = random(tokens * kvHeads * headDim);
    float[] v = random(tokens * kvHeads * headDim);
    MemorySegment y = output(tokens * heads * headDim);
    Attention call =
        new Attention()
            .of(heads, kvHeads, headDim, 0.2f)
            .query(segment(q), 0, (long) heads * headDim, headDim, MemorySegment.NULL, tokens)
            .keys(
                segment(k),
                0,
                segment(v),
                0,
                (long) kvHeads * headDim,
                headDim,
                MemorySegment.NULL,
                tokens)
            .output(y, (long) heads * headDim, headDim);
    double[] expected = new double[tokens * heads * headDim];
    try (KeyLists lists = new KeyLists()) {
      int[][] bands = new int[tokens][];
      for (int i = 0; i < tokens; i++) {
        bands[i] = new int[] {Math.max(0, i - 20), i % 9 == 0 ? i : Math.min(tokens, i + 31)};
        bands[i][0] = Math.min(bands[i][0], bands[i][1]);
        lists.band(bands[i][0], bands[i][1]);
      }
      int first = 0;
      for (int block = 0; block < blocks.length; block++) {
        for (int list = 0; list < (shared ? 1 : heads); list++) {
          int begin = Math.max(0, first - 30 - list);
          int end = Math.min(tokens, first + blocks[block] + 40);
          lists.addBanded(begin, end);
          lists.add(block + list, block + list + 3);
          lists.add(block + list, block + list + 1);
          lists.endList();
          for (int h = shared ? 0 : list; h < (shared ? heads : list + 1); h++) {
            for (int i = first; i < first + blocks[block]; i++) {
              List<Integer> seen = new ArrayList<>();
              for (int j = Math.max(begin, bands[i][0]); j < Math.min(end, bands[i][1]); j++) {
                seen.add(j);
              }
              for (int j : new int[] {0, 1, 2, 0}) {
                seen.add(block + list + j);
              }
              attend(q, k, v, i, h, seen, heads, kvHeads, headDim, expected);
            }
          }
        }
        lists.endBlock(blocks[block]);
        first += blocks[block];
      }
      kernels.attention().sparseAttention(call, lists, workspace);
    }
    assertClose(expected, y, (4 * headDim + 4 * tokens + 64) * FLOAT_ULP);
  }

  /** One query of one head over some keys. */
  private static void attend(
      float[] q,
      float[] k,
      float[] v,
      int query,
      int head,
      List<Integer> keys,
      int heads,
      int kvHeads,
      int headDim,
      double[] expected) {
    int kvHead = head / (heads / kvHeads);
    float[][] seenKeys = new float[keys.size()][];
    float[][] seenValues = new float[keys.size()][];
    for (int j = 0; j < keys.size(); j++) {
      int at = (keys.get(j) * kvHeads + kvHead) * headDim;
      seenKeys[j] = Arrays.copyOfRange(k, at, at + headDim);
      seenValues[j] = Arrays.copyOfRange(v, at, at + headDim);
    }
    int at = (query * heads + head) * headDim;
    float[][] one = {Arrays.copyOfRange(q, at, at + headDim)};
    float[][] none = new float[1][keys.size()];
    double[][] y = Reference.attention(one, seenKeys, seenValues, none, 0.2f, false);
    System.arraycopy(y[0], 0, expected, at, headDim);
  }

  @ParameterizedTest
  @EnumSource
  void pool(Pooling pooling) {
    int[] lengths = {1, 7, 65};
    for (int hidden : new int[] {1, 7, 63, 300}) {
      batch(lengths, 10);
      TokenBatch batch = workspace.batch();
      float[] x = random(batch.tokens() * hidden);
      for (boolean normalize : new boolean[] {false, true}) {
        MemorySegment y = output(lengths.length * hidden);
        kernels.embedding().pool(segment(x), batch.lengths(), y, hidden, pooling, normalize);
        double[] expected = new double[lengths.length * hidden];
        for (int s = 0; s < lengths.length; s++) {
          double norm = 0;
          for (int i = 0; i < hidden; i++) {
            expected[s * hidden + i] = pooled(x, batch, s, hidden, i, pooling);
            norm += Math.pow(expected[s * hidden + i], 2);
          }
          for (int i = 0; i < hidden && normalize; i++) {
            expected[s * hidden + i] /= Math.max(Math.sqrt(norm), 1e-12);
          }
        }
        // A mean near zero is magnified by its norm.
        assertClose(expected, y, (hidden + 65) * FLOAT_ULP * (normalize ? 8 : 1));
      }
    }
  }

  private static double pooled(
      float[] x, TokenBatch batch, int s, int hidden, int i, Pooling pooling) {
    double[] values = new double[batch.length(s)];
    for (int t = 0; t < values.length; t++) {
      values[t] = x[(batch.start(s) + t) * hidden + i];
    }
    return switch (pooling) {
      case CLS -> values[0];
      case LAST -> values[values.length - 1];
      case MEAN -> Arrays.stream(values).average().getAsDouble();
      case MAX -> Arrays.stream(values).max().getAsDouble();
    };
  }

  @Test
  void nothingToComputeIsNoError() {
    MemorySegment none = MemorySegment.NULL;
    MemorySegment w = segment(random(12));
    PackedWeight up = kernels.packing().pack("up", w, 4, 3, arena);
    PackedWeight down = kernels.packing().pack("down", w, 3, 4, arena);
    kernels.linear().linear(none, new LinearWeights(up, none), none, none, 0, Activation.NONE);
    kernels
        .linear()
        .feedForward(
            none,
            FeedForwardWeights.plain(
                new LinearWeights(up, none), new LinearWeights(down, none), Activation.RELU),
            none,
            none,
            0,
            workspace);
    kernels.norm().layerNorm(none, none, new NormWeights(w, none, 3, EPS), none, 0);
    kernels.norm().rmsNorm(none, none, new NormWeights(w, 3, EPS), none, 0);
    kernels.norm().softmax(none, none, 0, 3);
    kernels.linear().activate(none, none, 0, Activation.TANH);
    TokenBatch batch = workspace.batch();
    kernels.embedding().pool(none, batch.lengths(), none, 3, Pooling.MEAN, true);
    kernels
        .attention()
        .attention(Attention.in(workspace).of(1, 1, 3, 1).packed(none, none, batch), workspace);
    kernels
        .embedding()
        .embedding(
            new EmbeddingTables(w, none, none, w, w, 4, 0, 0, 3, EPS), batch, none, workspace);
  }

  @Test
  void aSequenceDoesNotDependOnItsBatch() {
    Encoder encoder = new Encoder();
    int[] lengths = {7, 1, 65, 17, 63};
    batch(lengths, 40);
    int tokens = workspace.batch().tokens();
    float[] together = encoder.run(workspace.batch());
    int first = 0;
    for (int length : lengths) {
      TokenBatch all = workspace.batch();
      try (TokenBatch alone = new TokenBatch()) {
        for (int t = first; t < first + length; t++) {
          alone.add(
              all.ids().getAtIndex(JAVA_INT, t),
              all.positionIds().getAtIndex(JAVA_INT, t),
              all.tokenTypeIds().getAtIndex(JAVA_INT, t));
        }
        alone.endSequence();
        float[] expected =
            Arrays.copyOfRange(together, first * encoder.hidden, (first + length) * encoder.hidden);
        assertArrayEquals(expected, encoder.run(alone));
      }
      first += length;
    }
    assertEquals(tokens, first);
  }

  @Test
  void theNumberOfThreadsDoesNotMatter() {
    if (!(kernels instanceof NativeKernels nativeKernels)) {
      return;
    }
    Encoder encoder = new Encoder();
    batch(new int[] {7, 1, 65, 17, 63, 197}, 40);
    float[] expected = encoder.run(workspace.batch());
    for (int threads : new int[] {1, 2, 5}) {
      try (Kernels others = NativeKernels.create(nativeKernels.isa(), threads)) {
        kernels.close();
        kernels = others;
        assertArrayEquals(expected, encoder.run(workspace.batch()));
      }
    }
  }

  /** Every kernel that an encoder runs, one after the other. */
  private final class Encoder {
    final int hidden = 68;
    final int intermediate = 150;
    final MemorySegment tables = segment(random(200 * hidden));
    final MemorySegment vector = segment(random(3 * hidden));
    final PackedWeight qkv =
        kernels
            .packing()
            .pack("qkv", segment(random(3 * hidden * hidden)), 3 * hidden, hidden, arena);
    final PackedWeight up =
        kernels
            .packing()
            .pack("up", segment(random(intermediate * hidden)), intermediate, hidden, arena);
    final PackedWeight down =
        kernels
            .packing()
            .pack("down", segment(random(intermediate * hidden)), hidden, intermediate, arena);

    float[] run(TokenBatch batch) {
      int tokens = batch.tokens();
      MemorySegment none = MemorySegment.NULL;
      MemorySegment x = output(tokens * hidden);
      MemorySegment projected = output(tokens * 3 * hidden);
      MemorySegment context = output(tokens * hidden);
      EmbeddingTables embeddings =
          new EmbeddingTables(tables, tables, tables, vector, vector, 40, 200, 2, hidden, EPS);
      kernels.embedding().embedding(embeddings, batch, x, workspace);
      kernels
          .linear()
          .linear(x, new LinearWeights(qkv, vector), none, projected, tokens, Activation.NONE);
      kernels
          .attention()
          .attention(
              Attention.in(workspace).of(4, 4, 17, 0.25f).packed(projected, context, batch),
              workspace);
      kernels.norm().layerNorm(context, x, new NormWeights(vector, vector, hidden, EPS), x, tokens);
      kernels
          .linear()
          .feedForward(
              x,
              FeedForwardWeights.plain(
                  new LinearWeights(up, none),
                  new LinearWeights(down, vector),
                  Activation.GELU_TANH),
              x,
              context,
              tokens,
              workspace);
      kernels.norm().rmsNorm(context, none, new NormWeights(vector, hidden, EPS), x, tokens);
      kernels.linear().activate(x, x, (long) tokens * hidden, Activation.SILU);
      kernels.norm().softmax(x, x, tokens, hidden);
      return floats(x, 0, tokens * hidden);
    }
  }

  @Test
  void linearNamesWhatDoesNotFit() {
    PackedWeight w = kernels.packing().pack("w", segment(random(15)), 5, 3, arena);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment ample = segment(random(100));
    MemorySegment y = output(100);
    refused(
        "linear: x has 5 floats, but [2, 3] float32 needs 6",
        () ->
            kernels
                .linear()
                .linear(floats(5), new LinearWeights(w, none), none, y, 2, Activation.NONE));
    refused(
        "linear: bias has 4 floats, but [1, 5] float32 needs 5",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, floats(4)), none, y, 2, Activation.NONE));
    refused(
        "linear: residual has 9 floats, but [2, 5] float32 needs 10",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), floats(9), y, 2, Activation.NONE));
    refused(
        "linear: y has 9 floats, but [2, 5] float32 needs 10",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), none, floats(9), 2, Activation.NONE));
    refused(
        "linear: x is on the heap, but [2, 3] float32 needs 6",
        () ->
            kernels
                .linear()
                .linear(
                    MemorySegment.ofArray(new float[6]),
                    new LinearWeights(w, none),
                    none,
                    y,
                    2,
                    Activation.NONE));
    refused(
        "linear: rows is -1, not in 0 to 2147483647",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), none, y, -1, Activation.NONE));
    refused(
        "linear: y overlaps x",
        () ->
            kernels
                .linear()
                .linear(ample, new LinearWeights(w, none), none, ample, 2, Activation.NONE));
    refused(
        "w: weight has 14 floats, but [5, 3] float32 needs 15",
        () -> kernels.packing().pack("w", floats(14), 5, 3, arena));
    refused(
        "w: in is 0, not in 1 to 2147483647",
        () -> kernels.packing().pack("w", ample, 5, 0, arena));
  }

  @Test
  void feedForwardNamesWhatDoesNotFit() {
    PackedWeight up = kernels.packing().pack("up", segment(random(15)), 5, 3, arena);
    PackedWeight down = kernels.packing().pack("down", segment(random(15)), 3, 5, arena);
    MemorySegment none = MemorySegment.NULL;
    MemorySegment x = segment(random(6));
    MemorySegment y = output(6);
    refused(
        "feedForward: down is [5, 3], but must be [3, 5] after an up of [5, 3]",
        () ->
            kernels
                .linear()
                .feedForward(
                    x,
                    FeedForwardWeights.plain(
                        new LinearWeights(up, none), new LinearWeights(up, none), Activation.RELU),
                    x,
                    y,
                    2,
                    workspace));
    refused(
        "feedForward: y overlaps x",
        () ->
            kernels
                .linear()
                .feedForward(
                    x,
                    FeedForwardWeights.plain(
                        new LinearWeights(up, none),
                        new LinearWeights(down, none),
                        Activation.RELU),
                    x,
                    x,
                    2,
                    workspace));
    refused(
        "feedForward: upBias has 3 floats, but [1, 5] float32 needs 5",
        () ->
            kernels
                .linear()
                .feedForward(
                    x,
                    FeedForwardWeights.plain(
                        new LinearWeights(up, floats(3)),
                        new LinearWeights(down, none),
                        Activation.RELU),
                    x,
                    y,
                    2,
                    workspace));
  }

  @Test
  void attentionNamesWhatDoesNotFit() {
    batch(new int[] {2, 1}, 10);
    TokenBatch batch = workspace.batch();
    MemorySegment qkv = segment(random(3 * 24));
    MemorySegment y = output(3 * 8);
    refused(
        "attention: 3 kvHeads do not divide 4 heads",
        () ->
            kernels
                .attention()
                .attention(new Attention().of(4, 3, 2, 1).packed(qkv, y, batch), workspace));
    refused(
        "attention: headDim is 257, not in 1 to 256",
        () ->
            kernels
                .attention()
                .attention(new Attention().of(1, 1, 257, 1).packed(qkv, y, batch), workspace));
    refused(
        "attention: v has 71 floats, but 3 tokens (stride 24), 4 heads (stride 2) of 2 from 16"
            + " need 72",
        () ->
            kernels
                .attention()
                .attention(new Attention().of(4, 4, 2, 1).packed(floats(71), y, batch), workspace));
    refused(
        "attention: y overlaps q",
        () ->
            kernels
                .attention()
                .attention(new Attention().of(4, 4, 2, 1).packed(qkv, qkv, batch), workspace));
    refused(
        "attention: bias has 3 floats, but sequence 0 needs 4",
        () ->
            kernels
                .attention()
                .attention(
                    new Attention().of(4, 4, 2, 1).packed(qkv, y, batch).bias(floats(3), 0, 0, 2),
                    workspace));
    MemorySegment wrong = cumulative(new int[] {2, 2});
    IndexOutOfBoundsException e =
        assertThrows(
            IndexOutOfBoundsException.class,
            () ->
                kernels
                    .attention()
                    .attention(
                        new Attention()
                            .of(1, 1, 8, 1)
                            .query(qkv, 0, 24, 8, wrong, 3)
                            .keys(qkv, 8, qkv, 16, 24, 8, batch.cuSeqlens(), 3)
                            .output(y, 8, 8)
                            .sequences(2),
                        workspace));
    assertEquals("attention: cuSeqlensQ does not ascend from 0 to 3", e.getMessage());
  }

  @Test
  void sparseAttentionNamesWhatDoesNotFit() {
    batch(new int[] {2, 1}, 10);
    TokenBatch batch = workspace.batch();
    MemorySegment qkv = segment(random(3 * 24));
    MemorySegment y = output(3 * 8);
    Attention call = new Attention().of(4, 4, 2, 1).packed(qkv, y, batch);
    try (KeyLists lists = new KeyLists()) {
      refused(
          "sparseAttention: lists for 0 queries, but there are 3",
          () -> kernels.attention().sparseAttention(call, lists, workspace));
      lists.addBanded(0, 3);
      lists.endList();
      lists.add(0, 3);
      lists.endList();
      lists.endBlock(3);
      refused(
          "sparseAttention: blocks of 2 lists, neither 1 nor 4",
          () -> kernels.attention().sparseAttention(call, lists, workspace));
      assertThrows(IllegalStateException.class, () -> lists.endBlock(1));
      assertThrows(IllegalArgumentException.class, () -> lists.add(2, 1));
      assertThrows(IllegalArgumentException.class, () -> lists.band(-1, 1));
      lists.clear();
      lists.addBanded(0, 3);
      lists.endList();
      lists.endBlock(3);
      refused(
          "sparseAttention: 0 bands for 3 queries with banded spans",
          () -> kernels.attention().sparseAttention(call, lists, workspace));
      lists.clear();
      lists.add(0, 4);
      lists.endList();
      lists.endBlock(3);
      IndexOutOfBoundsException e =
          assertThrows(
              IndexOutOfBoundsException.class,
              () -> kernels.attention().sparseAttention(call, lists, workspace));
      assertEquals("sparseAttention: lists of keys up to 4, but there are 3", e.getMessage());
      refused(
          "sparseAttention: has neither causal mask nor bias",
          () -> kernels.attention().sparseAttention(call.causal(), lists, workspace));
      refused(
          "sparseAttention: headDim is 8193, not in 1 to 8192",
          () ->
              kernels
                  .attention()
                  .sparseAttention(
                      new Attention().of(1, 1, 8193, 1).packed(qkv, y, batch), lists, workspace));
      refused(
          "sparseAttention: y overlaps q",
          () ->
              kernels
                  .attention()
                  .sparseAttention(
                      new Attention().of(4, 4, 2, 1).packed(qkv, qkv, batch), lists, workspace));
    }
  }

  @Test
  void batchesThatDoNotFit() {
    MemorySegment tables = segment(random(30));
    EmbeddingTables embeddings =
        new EmbeddingTables(tables, tables, tables, tables, tables, 10, 5, 2, 3, EPS);
    TokenBatch batch = workspace.batch();
    MemorySegment y = output(30);
    batch.add(1, 0, 0);
    refused(
        "embedding: the last 1 tokens of the batch belong to no sequence",
        () -> kernels.embedding().embedding(embeddings, batch, y, workspace));
    batch.endSequence();
    batch.endSequence();
    refused(
        "pool: sequence 1 has no token",
        () -> kernels.embedding().pool(tables, batch.lengths(), y, 3, Pooling.MEAN, false));
    outside("token 0 of sequence 0 has id 10, its table has 10 rows", embeddings, 10, 0, 0);
    outside("token 0 of sequence 0 has id -1, its table has 10 rows", embeddings, -1, 0, 0);
    outside("token 0 of sequence 0 has position 5, its table has 5 rows", embeddings, 1, 5, 0);
    outside("token 0 of sequence 0 has token type 2, its table has 2 rows", embeddings, 1, 0, 2);
  }

  private void outside(String message, EmbeddingTables tables, int id, int position, int type) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    batch.add(id, position, type);
    batch.endSequence();
    MemorySegment y = output(3);
    IndexOutOfBoundsException e =
        assertThrows(
            IndexOutOfBoundsException.class,
            () -> kernels.embedding().embedding(tables, batch, y, workspace));
    assertEquals(message, e.getMessage());
    assertTrue(Float.isNaN(y.get(JAVA_FLOAT, 0)), "written before the check");
  }

  @Test
  void rowsThatDoNotFit() {
    MemorySegment none = MemorySegment.NULL;
    MemorySegment x = segment(random(6));
    refused(
        "layerNorm: weight has 2 floats, but [1, 3] float32 needs 3",
        () -> kernels.norm().layerNorm(x, none, new NormWeights(floats(2), none, 3, EPS), x, 2));
    refused(
        "rmsNorm: hidden is 0, not in 1 to 2147483647",
        () -> kernels.norm().rmsNorm(x, none, new NormWeights(x, 0, EPS), x, 2));
    refused(
        "softmax: y has 5 floats, but [2, 3] float32 needs 6",
        () -> kernels.norm().softmax(x, floats(5), 2, 3));
    refused(
        "activate: x has 6 floats, but [1, 7] float32 needs 7",
        () -> kernels.linear().activate(x, x, 7, Activation.TANH));
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  private float[] random(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return values;
  }

  private MemorySegment segment(float... values) {
    return arena.allocateFrom(JAVA_FLOAT, values);
  }

  private MemorySegment floats(int count) {
    return arena.allocate(JAVA_FLOAT, count);
  }

  /** Room for {@code count} floats, poisoned, with a guard behind it. */
  private MemorySegment output(int count) {
    float[] poison = new float[count + GUARD];
    Arrays.fill(poison, POISON);
    return segment(poison);
  }

  private MemorySegment cumulative(int[] lengths) {
    int[] cumulative = new int[lengths.length + 1];
    for (int i = 0; i < lengths.length; i++) {
      cumulative[i + 1] = cumulative[i] + lengths[i];
    }
    return arena.allocateFrom(JAVA_INT, cumulative);
  }

  /** Fills the workspace's batch with random tokens, positions from 0. */
  private void batch(int[] lengths, int vocab) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int length : lengths) {
      for (int t = 0; t < length; t++) {
        batch.add(random.nextInt(vocab), t, random.nextInt(2));
      }
      batch.endSequence();
    }
  }

  private static float[][] rows(
      float[] x, int first, int count, int stride, int offset, int width) {
    float[][] rows = new float[count][];
    for (int i = 0; i < count; i++) {
      int start = (first + i) * stride + offset;
      rows[i] = Arrays.copyOfRange(x, start, start + width);
    }
    return rows;
  }

  private static float[] columns(float[] x, int rows, int stride, int offset, int width) {
    float[] columns = new float[rows * width];
    for (int i = 0; i < rows; i++) {
      System.arraycopy(x, i * stride + offset, columns, i * width, width);
    }
    return columns;
  }

  private static float[] floats(MemorySegment segment, long start, int count) {
    return segment.asSlice(start * Float.BYTES, (long) count * Float.BYTES).toArray(JAVA_FLOAT);
  }

  private static void assertClose(double[] expected, MemorySegment y, double bound) {
    for (int i = 0; i < expected.length; i++) {
      double error = Math.abs(y.getAtIndex(JAVA_FLOAT, i) - expected[i]);
      // A NaN compares as false.
      if (!(error <= bound + FLOAT_ULP * Math.abs(expected[i]))) {
        throw new AssertionError(
            "element "
                + i
                + " is "
                + y.getAtIndex(JAVA_FLOAT, i)
                + ", expected "
                + expected[i]
                + " ± "
                + bound);
      }
    }
    for (long i = expected.length; i < y.byteSize() / Float.BYTES; i++) {
      assertTrue(Float.isNaN(y.getAtIndex(JAVA_FLOAT, i)), "written behind the end");
    }
  }
}
