package dev.panaformer.kernel.decoding;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.memory.Floats;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** Attention over a paged cache as plain loops, in double. */
final class JavaCachedAttention {
  private final CachedAttention a;
  private final DecoderBatch batch;
  private final KvCache.Layer cache;
  private final MemorySegment memory;
  private final Workspace workspace;

  JavaCachedAttention(CachedAttention attention, Workspace workspace) {
    this.a = attention;
    this.batch = attention.batch;
    this.cache = attention.layer;
    this.memory = cache.memory();
    this.workspace = workspace;
  }

  /** Each query, the last tokens of their sequences, over the keys up to its own. */
  void causal() {
    SequenceLengths tokens = a.queries.lengths();
    long window = a.window;
    MemorySegment tables = batch.blockTables();
    for (int s = 0; s < batch.sequences(); s++) {
      int length = batch.kvLengths().getAtIndex(JAVA_INT, s);
      int queries = tokens.length(s);
      MemorySegment table = tables.asSlice(4L * s * batch.blockTableStride());
      for (int i = 0; i < queries; i++) {
        int position = length - queries + i;
        int first = window == 0 ? 0 : (int) Math.max(0, position - window + 1);
        attend(tokens.start(s) + i, table, first, position + 1, a.bias);
      }
    }
  }

  /** Each query over all keys of its sequence's source. */
  void cross() {
    MemorySegment tables = batch.sourceBlockTables();
    MemorySegment starts = batch.sourceStarts();
    for (int s = 0; s < batch.sources(); s++) {
      MemorySegment table = tables.asSlice(4L * s * batch.sourceBlockTableStride());
      int length = batch.sourceLengths().getAtIndex(JAVA_INT, s);
      int end = starts.getAtIndex(JAVA_INT, s + 1);
      for (int t = starts.getAtIndex(JAVA_INT, s); t < end; t++) {
        attend(t, table, 0, length, DistanceBias.NONE);
      }
    }
  }

  /** All heads of a query over the keys from {@code first} up to {@code end}. */
  private void attend(long token, MemorySegment table, int first, int end, DistanceBias bias) {
    MemorySegment weights = workspace.scratch((long) end * Double.BYTES);
    for (int h = 0; h < a.heads; h++) {
      int kvHead = (int) (h / (a.heads / cache.kvHeads()));
      double max = Double.NEGATIVE_INFINITY;
      for (int j = first; j < end; j++) {
        double score = score(token, h, cached(table, j, 0, kvHead));
        if (bias.distances() > 0) {
          long distance = Math.min(end - 1 - j, bias.distances() - 1);
          score += Floats.get(bias.table(), h * bias.distances() + distance);
        }
        weights.setAtIndex(JAVA_DOUBLE, j, score);
        max = Math.max(max, score);
      }
      double sum = 0;
      for (int j = first; j < end; j++) {
        double weight = Math.exp(weights.getAtIndex(JAVA_DOUBLE, j) - max);
        weights.setAtIndex(JAVA_DOUBLE, j, weight);
        sum += weight;
      }
      for (int d = 0; d < cache.headDim(); d++) {
        double mixed = 0;
        for (int j = first; j < end; j++) {
          long value = cached(table, j, 1, kvHead);
          mixed += weights.getAtIndex(JAVA_DOUBLE, j) * Floats.get(memory, value + d);
        }
        Floats.set(a.y, (token * a.heads + h) * cache.headDim() + d, mixed / sum);
      }
    }
  }

  private double score(long token, long head, long key) {
    long query = token * a.tokenStride + head * cache.headDim();
    return a.scale * Floats.dot(a.q, query, memory, key, cache.headDim());
  }

  /** Where the keys (part 0) or values (1) begin for token {@code j} of a sequence. */
  private long cached(MemorySegment table, int j, int part, int head) {
    int block = table.getAtIndex(JAVA_INT, j / cache.blockTokens());
    return cache.offset(block * cache.blockTokens() + j % cache.blockTokens(), part, head);
  }
}
