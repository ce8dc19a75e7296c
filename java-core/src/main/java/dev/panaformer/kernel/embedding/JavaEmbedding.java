package dev.panaformer.kernel.embedding;

import static dev.panaformer.kernel.memory.Floats.get;
import static dev.panaformer.kernel.memory.Floats.getOrZero;
import static dev.panaformer.kernel.memory.Floats.set;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.linear.JavaPackedWeight;
import dev.panaformer.kernel.memory.Arguments;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormKernels;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/** {@link EmbeddingKernels} as plain loops. Sums are computed in double. */
final class JavaEmbedding implements EmbeddingKernels {
  private final NormKernels norm = NormKernels.inJava();

  @Override
  public void embedding(
      EmbeddingTables tables, TokenBatch batch, MemorySegment y, Workspace workspace) {
    EmbeddingArguments.embedding(tables, batch, y);
    tables.requireRows(batch);
    long hidden = tables.hidden();
    for (long t = 0; t < batch.tokens(); t++) {
      long id = batch.ids().getAtIndex(JAVA_INT, t);
      float[] packed =
          tables.packedWords().map(words -> JavaPackedWeight.row(words, id)).orElse(null);
      long position = batch.positionIds().getAtIndex(JAVA_INT, t) * hidden;
      long tokenType = batch.tokenTypeIds().getAtIndex(JAVA_INT, t) * hidden;
      for (long i = 0; i < hidden; i++) {
        double sum =
            packed == null
                ? get(tables.words().rows(), id * hidden + i)
                : packed[(int) i] * tables.wordScale();
        if (tables.positions().count() > 0) {
          sum += get(tables.positions().rows(), position + i);
        }
        if (tables.tokenTypes().count() > 0) {
          sum += get(tables.tokenTypes().rows(), tokenType + i);
        }
        set(y, t * hidden + i, sum);
      }
    }
    if (Arguments.isAbsent(tables.norm().weight())) {
      return;
    }
    norm.layerNorm(y, MemorySegment.NULL, tables.norm(), y, batch.tokens());
  }

  @Override
  public void gather(
      MemorySegment x,
      MemorySegment added,
      NormWeights weights,
      RowOrder rows,
      MemorySegment y,
      Workspace workspace) {
    EmbeddingArguments.gather(x, added, weights, rows, y);
    long hidden = weights.hidden();
    for (int r = 0; r < rows.count(); r++) {
      for (long i = 0; i < hidden; i++) {
        double sum = get(x, rows.row(r) * hidden + i);
        set(y, r * hidden + i, sum + getOrZero(added, rows.addedRow(r) * hidden + i));
      }
    }
    if (!Arguments.isAbsent(weights.weight())) {
      norm.layerNorm(y, MemorySegment.NULL, weights, y, rows.count());
    }
  }

  @Override
  public void pool(
      MemorySegment x,
      SequenceLengths lengths,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize) {
    EmbeddingArguments.pool(x, lengths, y, hidden);
    for (int s = 0; s < lengths.sequences(); s++) {
      double squares = 0;
      for (long i = 0; i < hidden; i++) {
        double pooled = pool(x, lengths.start(s), lengths.start(s + 1), hidden, i, pooling);
        set(y, s * hidden + i, pooled);
        squares += pooled * pooled;
      }
      if (normalize) {
        double norm = Math.max(Math.sqrt(squares), 1e-12);
        for (long i = s * hidden; i < (s + 1) * hidden; i++) {
          set(y, i, get(y, i) / norm);
        }
      }
    }
  }

  private static double pool(
      MemorySegment x, long start, long end, long hidden, long feature, Pooling pooling) {
    return switch (pooling) {
      case CLS -> get(x, start * hidden + feature);
      case LAST -> get(x, (end - 1) * hidden + feature);
      case MEAN -> {
        double sum = 0;
        for (long t = start; t < end; t++) {
          sum += get(x, t * hidden + feature);
        }
        yield sum / (end - start);
      }
      case MAX -> {
        double max = Double.NEGATIVE_INFINITY;
        for (long t = start; t < end; t++) {
          max = Math.max(max, get(x, t * hidden + feature));
        }
        yield max;
      }
    };
  }
}
