package dev.panaformer.kernel.attention;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.Reference;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention over tensors, for every implementation. */
class AttentionKernelsTest extends KernelContract {
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
    // Rows are wider than the heads and there are gaps between heads, so that a stride that is
    // ignored causes a wrong result.
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
    // The error of a score is at most (headDim + 2) ulps of √headDim. The relative error of its
    // exponential is as large.
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

  /** Computes the result of one query and one head over some keys. */
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
}
