package dev.panaformer.kernel.decoding;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.panaformer.kernel.KernelContract;
import dev.panaformer.kernel.attention.Attention;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Cross-attention over the cache, compared with attention over tensors. */
class CrossAttentionTest extends KernelContract {
  private static final int HEADS = 3;

  private static final int HEAD_DIM = 20;

  private static final int ROW = HEADS * HEAD_DIM;

  private MemorySegment gaussian(long count) {
    MemorySegment floats = arena.allocate(JAVA_FLOAT, count);
    for (long i = 0; i < count; i++) {
      floats.setAtIndex(JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return floats;
  }

  private static float[] array(MemorySegment floats, int count) {
    return floats.asSlice(0, 4L * count).toArray(JAVA_FLOAT);
  }

  private MemorySegment lengths(int... lengths) {
    return arena.allocateFrom(JAVA_INT, lengths);
  }

  @Test
  void crossAttentionSeesAllOfItsSourceFromAnyBeam() {
    int[] sourceLengths = {13, 1};
    MemorySegment keysValues = gaussian(14L * 2 * ROW);
    MemorySegment q = gaussian(7L * ROW);
    MemorySegment y = gaussian(7L * ROW);
    try (KvCache cache = new KvCache(1, HEADS, HEAD_DIM, 12, 4);
        DecoderBatch sources = new DecoderBatch();
        DecoderBatch batch = new DecoderBatch()) {
      KvCache.Sequence[] read = {cache.open(), cache.open()};
      for (int s = 0; s < 2; s++) {
        sources.add(read[s], new int[sourceLengths[s]], 0, sourceLengths[s]);
      }
      kernels.decoding().kvStore(keysValues, 0, 2 * ROW, sources, cache.layer(0), workspace);
      int free = cache.freeBlocks();
      KvCache.Sequence fork = read[0].fork();
      assertEquals(free, cache.freeBlocks(), "a fork copies nothing");
      batch.add(cache.open(), read[0], new int[4], 0, 4);
      batch.add(cache.open(), read[1], new int[2], 0, 2);
      batch.add(cache.open(), fork, new int[1], 0, 1);
      kernels
          .decoding()
          .crossAttention(
              CachedAttention.in(workspace)
                  .of(HEADS, 0.3f)
                  .over(batch, cache.layer(0))
                  .query(q, (long) HEADS * cache.headDim())
                  .output(y),
              workspace);

      // Sequence 2 has the same source as sequence 0, so its keys are repeated.
      MemorySegment expected = gaussian(7L * ROW);
      MemorySegment thrice = arena.allocate(JAVA_FLOAT, 27L * 2 * ROW);
      MemorySegment.copy(keysValues, 0, thrice, 0, 14L * 2 * ROW * 4);
      MemorySegment.copy(keysValues, 0, thrice, 14L * 2 * ROW * 4, 13L * 2 * ROW * 4);
      Attention attention =
          new Attention()
              .of(HEADS, HEADS, HEAD_DIM, 0.3f)
              .query(q, 0, ROW, HEAD_DIM, lengths(0, 4, 6, 7), 7)
              .keys(thrice, 0, thrice, ROW, 2 * ROW, HEAD_DIM, lengths(0, 13, 14, 27), 27)
              .output(expected, ROW, HEAD_DIM)
              .sequences(3);
      kernels.attention().attention(attention, workspace);
      assertArrayEquals(array(expected, 7 * ROW), array(y, 7 * ROW), 2e-6f);

      DecoderBatch without = new DecoderBatch();
      without.add(cache.open(), new int[1], 0, 1);
      assertThrows(
          IllegalArgumentException.class,
          () ->
              kernels
                  .decoding()
                  .crossAttention(
                      CachedAttention.in(workspace)
                          .of(HEADS, 0.3f)
                          .over(without, cache.layer(0))
                          .query(q, (long) HEADS * cache.headDim())
                          .output(y),
                      workspace));
      assertThrows(
          IllegalArgumentException.class,
          () -> without.add(cache.open(), cache.open(), new int[1], 0, 1));
      without.close();
    }
  }

  /**
   * Adjacent sequences with the same source, as in beam search, get the same results as each of
   * them alone.
   */
  @Test
  void neighboursWithOneSourceGetWhatEachGetsAlone() {
    int[] of = {0, 0, 0, 0, 1, 1, 0};
    int[] tokens = {1, 1, 1, 1, 2, 1, 3};
    int all = 10;
    MemorySegment keysValues = gaussian(80L * 2 * ROW);
    MemorySegment q = gaussian((long) all * ROW);
    MemorySegment y = gaussian((long) all * ROW);
    try (KvCache cache = new KvCache(1, HEADS, HEAD_DIM, 40, 4);
        DecoderBatch sources = new DecoderBatch();
        DecoderBatch batch = new DecoderBatch()) {
      KvCache.Sequence[] read = {cache.open(), cache.open()};
      sources.add(read[0], new int[67], 0, 67);
      sources.add(read[1], new int[13], 0, 13);
      kernels.decoding().kvStore(keysValues, 0, 2 * ROW, sources, cache.layer(0), workspace);
      for (int s = 0; s < of.length; s++) {
        batch.add(cache.open(), read[of[s]], new int[tokens[s]], 0, tokens[s]);
      }
      assertEquals(3, batch.sources());
      kernels
          .decoding()
          .crossAttention(
              CachedAttention.in(workspace)
                  .of(HEADS, 0.3f)
                  .over(batch, cache.layer(0))
                  .query(q, (long) HEADS * cache.headDim())
                  .output(y),
              workspace);
      int first = 0;
      for (int s = 0; s < of.length; s++) {
        MemorySegment alone = gaussian((long) tokens[s] * ROW);
        long offset = 4L * first * ROW;
        batch.clear();
        batch.add(cache.open(), read[of[s]], new int[tokens[s]], 0, tokens[s]);
        kernels
            .decoding()
            .crossAttention(
                CachedAttention.in(workspace)
                    .of(HEADS, 0.3f)
                    .over(batch, cache.layer(0))
                    .query(q.asSlice(offset), (long) HEADS * cache.headDim())
                    .output(alone),
                workspace);
        assertEquals(-1, alone.mismatch(y.asSlice(offset, alone.byteSize())), "sequence " + s);
        first += tokens[s];
      }
    }
  }

  @Test
  void aBiasByDistanceIsThatOfATableReadBackwards() {
    int tokens = 17;
    int distances = 9;
    MemorySegment qkv = gaussian(tokens * 3L * ROW);
    MemorySegment y = gaussian((long) tokens * ROW);
    MemorySegment expected = gaussian((long) tokens * ROW);
    MemorySegment table = gaussian((long) HEADS * distances);
    int width = 2 * tokens - 1;
    MemorySegment spread = gaussian((long) HEADS * width);
    for (int h = 0; h < HEADS; h++) {
      for (int d = 0; d < tokens; d++) {
        float value = table.getAtIndex(JAVA_FLOAT, h * distances + Math.min(d, distances - 1));
        spread.setAtIndex(JAVA_FLOAT, h * width + tokens - 1 - d, value);
      }
    }
    try (KvCache cache = new KvCache(1, HEADS, HEAD_DIM, 5, 4);
        DecoderBatch batch = new DecoderBatch()) {
      batch.add(cache.open(), new int[tokens], 0, tokens);
      kernels.decoding().kvStore(qkv, ROW, 3 * ROW, batch, cache.layer(0), workspace);
      kernels
          .decoding()
          .pagedAttention(
              CachedAttention.in(workspace)
                  .of(HEADS, 1)
                  .window(0)
                  .bias(new DistanceBias(table, distances))
                  .over(batch, cache.layer(0))
                  .query(qkv, 3 * ROW)
                  .output(y),
              workspace);
      Attention attention =
          new Attention()
              .of(HEADS, HEADS, HEAD_DIM, 1)
              .packed(qkv, expected, batch.tokens())
              .bias(spread, tokens - 1, 0, width, -1)
              .causal();
      kernels.attention().attention(attention, workspace);
      assertArrayEquals(array(expected, tokens * ROW), array(y, tokens * ROW), 2e-6f);

      attention.bias(spread, tokens - 2, 0, width, -1);
      assertThrows(
          IllegalArgumentException.class,
          () -> kernels.attention().attention(attention, workspace));
      assertThrows(
          IllegalArgumentException.class,
          () ->
              kernels
                  .decoding()
                  .pagedAttention(
                      CachedAttention.in(workspace)
                          .of(HEADS, 1)
                          .window(0)
                          .bias(new DistanceBias(table, 10))
                          .over(batch, cache.layer(0))
                          .query(qkv, 3 * ROW)
                          .output(y),
                      workspace));
    }
  }
}
