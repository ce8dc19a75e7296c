package dev.panaformer.kernel.attention;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.memory.Floats;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** {@link AttentionKernels#linformerAttention} as plain loops. Sums are computed in double. */
final class JavaLinformerAttention {
  private JavaLinformerAttention() {}

  static void run(
      MemorySegment qkv,
      LinformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace) {
    SequenceProjections projections = shape.projections();
    long heads = shape.heads();
    long headDim = shape.headDim();
    float scale = shape.scale();
    long projected = projections.projected();
    long row = 3 * heads * headDim;
    // Projected keys, projected values, attention weights.
    MemorySegment memory = workspace.scratch((2 * headDim + 1) * projected * Double.BYTES);
    long values = projected * headDim;
    for (int s = 0; s < batch.sequences(); s++) {
      for (long h = 0; h < heads; h++) {
        long q = batch.start(s) * row + h * headDim;
        long k = q + heads * headDim;
        project(qkv, k, row, projections.keys(), projected, batch, s, headDim, memory, 0);
        long v = k + heads * headDim;
        project(qkv, v, row, projections.values(), projected, batch, s, headDim, memory, values);
        for (int i = 0; i < batch.length(s); i++) {
          long to = ((batch.start(s) + i) * heads + h) * headDim;
          attend(qkv, q + i * row, memory, projected, headDim, scale, y, to);
        }
      }
    }
  }

  private static void project(
      MemorySegment x,
      long from,
      long row,
      MemorySegment projection,
      long projected,
      TokenBatch batch,
      int sequence,
      long headDim,
      MemorySegment memory,
      long to) {
    for (long i = 0; i < projected; i++) {
      for (long d = 0; d < headDim; d++) {
        double sum = 0;
        for (int t = 0; t < batch.length(sequence); t++) {
          long position = batch.positionIds().getAtIndex(JAVA_INT, batch.start(sequence) + t);
          double weight = Floats.get(projection, position * projected + i);
          sum += weight * Floats.get(x, from + t * row + d);
        }
        memory.setAtIndex(JAVA_DOUBLE, to + i * headDim + d, sum);
      }
    }
  }

  private static void attend(
      MemorySegment qkv,
      long q,
      MemorySegment memory,
      long projected,
      long headDim,
      float scale,
      MemorySegment y,
      long to) {
    long values = projected * headDim;
    long weights = 2 * values;
    double max = Double.NEGATIVE_INFINITY;
    for (long j = 0; j < projected; j++) {
      double score = 0;
      for (long d = 0; d < headDim; d++) {
        score += Floats.get(qkv, q + d) * memory.getAtIndex(JAVA_DOUBLE, j * headDim + d);
      }
      memory.setAtIndex(JAVA_DOUBLE, weights + j, scale * score);
      max = Math.max(max, scale * score);
    }
    double sum = 0;
    for (long j = 0; j < projected; j++) {
      double weight = Math.exp(memory.getAtIndex(JAVA_DOUBLE, weights + j) - max);
      memory.setAtIndex(JAVA_DOUBLE, weights + j, weight);
      sum += weight;
    }
    for (long d = 0; d < headDim; d++) {
      double mixed = 0;
      for (long j = 0; j < projected; j++) {
        double value = memory.getAtIndex(JAVA_DOUBLE, values + j * headDim + d);
        mixed += memory.getAtIndex(JAVA_DOUBLE, weights + j) * value;
      }
      Floats.set(y, to + d, mixed / sum);
    }
  }
}
