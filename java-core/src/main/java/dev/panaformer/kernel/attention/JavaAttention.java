package dev.panaformer.kernel.attention;

import static dev.panaformer.kernel.memory.Floats.dot;
import static dev.panaformer.kernel.memory.Floats.get;
import static dev.panaformer.kernel.memory.Floats.getOrZero;
import static dev.panaformer.kernel.memory.Floats.set;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link AttentionKernels} as plain loops. Sums are computed in double. */
final class JavaAttention implements AttentionKernels {
  @Override
  public void attention(Attention a, Workspace workspace) {
    AttentionArguments.attention(a);
    for (long s = 0; s < a.sequences; s++) {
      long firstQuery = a.cuSeqlensQ.getAtIndex(JAVA_INT, s);
      long firstKey = a.cuSeqlensKv.getAtIndex(JAVA_INT, s);
      long queries = a.cuSeqlensQ.getAtIndex(JAVA_INT, s + 1) - firstQuery;
      long keys = a.cuSeqlensKv.getAtIndex(JAVA_INT, s + 1) - firstKey;
      MemorySegment scores = workspace.scratch(keys * Double.BYTES);
      for (long h = 0; h < a.heads; h++) {
        long kvHead = h / (a.heads / a.kvHeads) * a.kvHeadStride;
        long k = a.kOffset + firstKey * a.kvTokenStride + kvHead;
        long v = a.vOffset + firstKey * a.kvTokenStride + kvHead;
        for (long i = 0; i < queries; i++) {
          long q = a.qOffset + (firstQuery + i) * a.qTokenStride + h * a.qHeadStride;
          long y = (firstQuery + i) * a.yTokenStride + h * a.yHeadStride;
          long bias =
              a.biasOffset
                  + s * a.biasSequenceStride
                  + h * a.biasHeadStride
                  + i * a.biasQueryStride;
          long visible = a.causal ? Math.max(0, Math.min(keys, i + keys - queries + 1)) : keys;
          attend(a, q, k, v, y, bias, visible, scores);
        }
      }
    }
  }

  /** Computes the result of one query and head over the first {@code keys} keys. */
  private static void attend(
      Attention a, long q, long k, long v, long y, long bias, long keys, MemorySegment scores) {
    double max = Double.NEGATIVE_INFINITY;
    for (long j = 0; j < keys; j++) {
      double score =
          a.scale * dot(a.q, q, a.k, k + j * a.kvTokenStride, a.headDim)
              + getOrZero(a.bias, bias + j);
      scores.setAtIndex(JAVA_DOUBLE, j, score);
      max = Math.max(max, score);
    }
    double sum = 0;
    for (long j = 0; j < keys; j++) {
      double weight =
          max == Double.NEGATIVE_INFINITY ? 0 : Math.exp(scores.getAtIndex(JAVA_DOUBLE, j) - max);
      scores.setAtIndex(JAVA_DOUBLE, j, weight);
      sum += weight;
    }
    for (long d = 0; d < a.headDim; d++) {
      double mixed = 0;
      for (long j = 0; j < keys; j++) {
        mixed += scores.getAtIndex(JAVA_DOUBLE, j) * get(a.v, v + j * a.kvTokenStride + d);
      }
      set(a.y, y + d, sum == 0 ? 0 : mixed / sum);
    }
  }

  @Override
  public void sparseAttention(Attention a, KeyLists lists, Workspace workspace) {
    AttentionArguments.sparseAttention(a, lists);
    new JavaSparseAttention(a, lists, workspace).run();
  }

  @Override
  public void linformerAttention(
      MemorySegment qkv,
      LinformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace) {
    AttentionArguments.linformerAttention(qkv, shape, batch, y);
    JavaLinformerAttention.run(qkv, shape, batch, y, workspace);
  }

  @Override
  public void performerAttention(
      MemorySegment qkv,
      PerformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace) {
    AttentionArguments.performerAttention(qkv, shape, batch, y);
    new JavaPerformerAttention(qkv, shape, y, workspace).run(batch);
  }

  @Override
  public void rope(Rotation rotation, MemorySegment x, TokenBatch batch, Workspace workspace) {
    AttentionArguments.rope(rotation, x, batch);
    RotaryTables tables = rotation.tables();
    long half = tables.rotaryDim() / 2;
    for (long t = 0; t < batch.tokens(); t++) {
      long angles = batch.positionIds().getAtIndex(JAVA_INT, t) * half;
      for (long h = 0; h < rotation.heads(); h++) {
        long head = t * rotation.tokenStride() + h * rotation.headStride();
        for (long i = 0; i < half; i++) {
          double cos = get(tables.cos(), angles + i);
          double sin = get(tables.sin(), angles + i);
          double a = get(x, head + i);
          double b = get(x, head + half + i);
          set(x, head + i, a * cos - b * sin);
          set(x, head + half + i, b * cos + a * sin);
        }
      }
    }
  }
}
