package dev.panaformer.kernel.decoding;

import static dev.panaformer.kernel.memory.Floats.get;
import static dev.panaformer.kernel.memory.Floats.set;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.JavaLinear;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Arrays;
import java.util.Optional;

/** {@link DecodingKernels} as plain loops. Sums are computed in double. */
final class JavaDecoding implements DecodingKernels {
  @Override
  public void kvStore(
      MemorySegment qkv,
      long keys,
      long tokenStride,
      DecoderBatch batch,
      KvCache.Layer layer,
      Workspace workspace) {
    DecodingArguments.kvStore(qkv, keys, tokenStride, batch, layer);
    long headDim = layer.headDim();
    for (long t = 0; t < batch.tokens().tokens(); t++) {
      int slot = batch.slots().getAtIndex(JAVA_INT, t);
      for (int part = 0; part < 2; part++) {
        for (int h = 0; h < layer.kvHeads(); h++) {
          long from = t * tokenStride + keys + (part * (long) layer.kvHeads() + h) * headDim;
          MemorySegment.copy(
              qkv,
              from * Float.BYTES,
              layer.memory(),
              layer.offset(slot, part, h) * Float.BYTES,
              headDim * Float.BYTES);
        }
      }
    }
  }

  @Override
  public void pagedAttention(CachedAttention a, Workspace workspace) {
    DecodingArguments.pagedAttention(a);
    new JavaCachedAttention(a, workspace).causal();
  }

  @Override
  public void crossAttention(CachedAttention a, Workspace workspace) {
    DecodingArguments.crossAttention(a);
    new JavaCachedAttention(a, workspace).cross();
  }

  @Override
  public void topK(
      MemorySegment logits, MemorySegment inverseTemperatures, TopK best, long rows, long columns) {
    DecodingArguments.topK(logits, inverseTemperatures, best, rows, columns);
    for (long row = 0; row < rows; row++) {
      topKRow(logits, row * columns, get(inverseTemperatures, row), best, row, columns);
    }
  }

  @Override
  public void linearTopK(
      MemorySegment x,
      LinearWeights head,
      MemorySegment inverseTemperatures,
      TopK best,
      long rows,
      Workspace workspace) {
    DecodingArguments.linearTopK(x, head, inverseTemperatures, best, rows);
    MemorySegment logits = workspace.scratch(head.out() * Float.BYTES);
    for (long i = 0; i < rows; i++) {
      JavaLinear.row(x, i * head.in(), head, MemorySegment.NULL, logits, 0, Activation.NONE);
      topKRow(logits, 0, get(inverseTemperatures, i), best, i, head.out());
    }
  }

  @Override
  public long linearBest(
      MemorySegment x,
      LinearWeights head,
      Optional<Screen> screen,
      TopK best,
      long rows,
      Workspace workspace) {
    DecodingArguments.linearBest(x, head, screen, best, rows);
    TopK withoutSums = new TopK(best.values(), best.ids(), MemorySegment.NULL, best.count());
    MemorySegment logits = workspace.scratch(head.out() * Float.BYTES);
    for (long i = 0; i < rows; i++) {
      JavaLinear.row(x, i * head.in(), head, MemorySegment.NULL, logits, 0, Activation.NONE);
      topKRow(logits, 0, 1, withoutSums, i, head.out());
    }
    return head.out();
  }

  @Override
  public Optional<Screen> screen(PackedWeight weight, SegmentAllocator memory) {
    return Optional.empty();
  }

  /** Computes one row of {@link #topK}. {@code logSumExp} may be absent. */
  private static void topKRow(
      MemorySegment logits,
      long start,
      double inverseTemperature,
      TopK top,
      long row,
      long columns) {
    long count = top.count();
    MemorySegment logSumExp = top.logSumExp();
    long[] best = new long[(int) count];
    Arrays.fill(best, Long.MAX_VALUE);
    boolean nan = false;
    float max = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < columns; id++) {
      float logit = (float) get(logits, start + id);
      nan |= Float.isNaN(logit);
      max = Math.max(max, logit);
      insert(best, key(logit, id));
    }
    if (!logSumExp.equals(MemorySegment.NULL)) {
      double sum = 0;
      for (long id = 0; id < columns; id++) {
        sum += Math.exp((get(logits, start + id) - max) * inverseTemperature);
      }
      set(logSumExp, row, nan ? Double.NaN : max * inverseTemperature + Math.log(sum));
    }
    for (int i = 0; i < count; i++) {
      int id = nan ? -1 : (int) best[i];
      top.ids().setAtIndex(JAVA_INT, row * count + i, id);
      set(top.values(), row * count + i, nan ? Double.NaN : get(logits, start + id));
    }
  }

  /**
   * Returns a sort key. Keys in ascending order mean logits in descending order and, for equal
   * logits, ids in ascending order.
   */
  private static long key(float logit, int id) {
    int bits = Float.floatToIntBits(logit == 0 ? 0 : logit);
    long descending = ~(bits ^ (bits >> 31 & Integer.MAX_VALUE));
    return descending << 32 | id;
  }

  /**
   * Inserts a key into an ascending array of the smallest keys so far, and drops the largest one.
   * Does nothing if the key is not smaller than the largest.
   */
  private static void insert(long[] least, long key) {
    int i = least.length - 1;
    if (key >= least[i]) {
      return;
    }
    for (; i > 0 && least[i - 1] > key; i--) {
      least[i] = least[i - 1];
    }
    least[i] = key;
  }
}
