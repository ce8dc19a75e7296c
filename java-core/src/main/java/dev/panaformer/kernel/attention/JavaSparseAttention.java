package dev.panaformer.kernel.attention;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link AttentionKernels#sparseAttention} as plain loops. Sums are computed in double. */
final class JavaSparseAttention {
  private final Attention a;
  private final KeyLists lists;
  private final MemorySegment scores; // scores of one query, for the keys that it attends to
  private final MemorySegment rows; // the rows of these keys

  JavaSparseAttention(Attention a, KeyLists lists, Workspace workspace) {
    this.a = a;
    this.lists = lists;
    long most = longestList();
    MemorySegment scratch = workspace.scratch(most * (Double.BYTES + Integer.BYTES));
    scores = scratch.asSlice(0, most * Double.BYTES);
    rows = scratch.asSlice(most * Double.BYTES);
  }

  private long longestList() {
    long most = 1;
    for (long list = 0; list < (long) lists.blocks() * lists.lists(); list++) {
      long keys = 0;
      for (long s = start(list); s < start(list + 1); s++) {
        keys += span(s, 1) - span(s, 0);
      }
      most = Math.max(most, keys);
    }
    return most;
  }

  private int start(long list) {
    return lists.listStarts().getAtIndex(JAVA_INT, list);
  }

  private int span(long index, int field) {
    return lists.spans().getAtIndex(JAVA_INT, KeyLists.SPAN_INTS * index + field);
  }

  void run() {
    for (int block = 0; block < lists.blocks(); block++) {
      int begin = lists.blockStarts().getAtIndex(JAVA_INT, block);
      int end = lists.blockStarts().getAtIndex(JAVA_INT, block + 1);
      for (int head = 0; head < a.heads; head++) {
        long list = (long) block * lists.lists() + (lists.lists() == 1 ? 0 : head);
        for (int query = begin; query < end; query++) {
          attend(query, head, gather(query, list));
        }
      }
    }
  }

  /** Collects the rows of the keys that a query attends to. Returns their number. */
  private int gather(int query, long list) {
    int keys = 0;
    for (long s = start(list); s < start(list + 1); s++) {
      int begin = span(s, 0);
      int end = span(s, 1);
      if (span(s, 2) != 0) {
        begin = Math.max(begin, lists.bands().getAtIndex(JAVA_INT, 2L * query));
        end = Math.min(end, lists.bands().getAtIndex(JAVA_INT, 2L * query + 1));
      }
      for (int row = begin; row < end; row++) {
        rows.setAtIndex(JAVA_INT, keys++, row);
      }
    }
    return keys;
  }

  private void attend(int query, int head, int keys) {
    long kvHead = head / (a.heads / a.kvHeads) * a.kvHeadStride;
    long q = a.qOffset + query * a.qTokenStride + head * a.qHeadStride;
    long y = query * a.yTokenStride + head * a.yHeadStride;
    double max = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < keys; j++) {
      long k = a.kOffset + row(j) * a.kvTokenStride + kvHead;
      double score = 0;
      for (long d = 0; d < a.headDim; d++) {
        score += (double) a.q.getAtIndex(JAVA_FLOAT, q + d) * a.k.getAtIndex(JAVA_FLOAT, k + d);
      }
      score *= a.scale;
      scores.setAtIndex(JAVA_DOUBLE, j, score);
      max = Math.max(max, score);
    }
    double sum = 0;
    for (int j = 0; j < keys; j++) {
      double weight = Math.exp(scores.getAtIndex(JAVA_DOUBLE, j) - max);
      scores.setAtIndex(JAVA_DOUBLE, j, weight);
      sum += weight;
    }
    for (long d = 0; d < a.headDim; d++) {
      double mixed = 0;
      for (int j = 0; j < keys; j++) {
        long v = a.vOffset + row(j) * a.kvTokenStride + kvHead;
        mixed += scores.getAtIndex(JAVA_DOUBLE, j) * a.v.getAtIndex(JAVA_FLOAT, v + d);
      }
      a.y.setAtIndex(JAVA_FLOAT, y + d, (float) (keys == 0 ? 0 : mixed / sum));
    }
  }

  private long row(int key) {
    return rows.getAtIndex(JAVA_INT, key);
  }
}
