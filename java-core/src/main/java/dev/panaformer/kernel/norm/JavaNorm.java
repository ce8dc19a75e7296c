package dev.panaformer.kernel.norm;

import static dev.panaformer.kernel.memory.Floats.get;
import static dev.panaformer.kernel.memory.Floats.getOrZero;
import static dev.panaformer.kernel.memory.Floats.set;

import java.lang.foreign.MemorySegment;

/** {@link NormKernels} as plain loops. Sums are computed in double. */
final class JavaNorm implements NormKernels {
  @Override
  public void layerNorm(
      MemorySegment x, MemorySegment residual, NormWeights w, MemorySegment y, long rows) {
    NormArguments.layerNorm(x, residual, w, y, rows);
    long hidden = w.hidden();
    for (long row = 0; row < rows * hidden; row += hidden) {
      double sum = 0;
      for (long i = row; i < row + hidden; i++) {
        sum += get(x, i) + getOrZero(residual, i);
      }
      double mean = sum / hidden;
      double squares = 0;
      for (long i = row; i < row + hidden; i++) {
        double centred = get(x, i) + getOrZero(residual, i) - mean;
        squares += centred * centred;
      }
      double scale = 1 / Math.sqrt(squares / hidden + w.eps());
      for (long i = 0; i < hidden; i++) {
        double centred = get(x, row + i) + getOrZero(residual, row + i) - mean;
        set(y, row + i, centred * scale * get(w.weight(), i) + getOrZero(w.bias(), i));
      }
    }
  }

  @Override
  public void rmsNorm(
      MemorySegment x, MemorySegment residual, NormWeights w, MemorySegment y, long rows) {
    NormArguments.rmsNorm(x, residual, w, y, rows);
    long hidden = w.hidden();
    for (long row = 0; row < rows * hidden; row += hidden) {
      double squares = 0;
      for (long i = row; i < row + hidden; i++) {
        double z = get(x, i) + getOrZero(residual, i);
        squares += z * z;
      }
      double scale = 1 / Math.sqrt(squares / hidden + w.eps());
      for (long i = 0; i < hidden; i++) {
        double z = get(x, row + i) + getOrZero(residual, row + i);
        set(y, row + i, z * scale * get(w.weight(), i));
      }
    }
  }

  @Override
  public void softmax(MemorySegment x, MemorySegment y, long rows, long columns) {
    NormArguments.softmax(x, y, rows, columns);
    for (long row = 0; row < rows * columns; row += columns) {
      double max = Double.NEGATIVE_INFINITY;
      for (long i = row; i < row + columns; i++) {
        max = Math.max(max, get(x, i));
      }
      if (max == Double.NEGATIVE_INFINITY) {
        y.asSlice(row * Float.BYTES, columns * Float.BYTES).fill((byte) 0);
        continue;
      }
      double sum = 0;
      for (long i = row; i < row + columns; i++) {
        sum += Math.exp(get(x, i) - max);
      }
      for (long i = row; i < row + columns; i++) {
        set(y, i, Math.exp(get(x, i) - max) / sum);
      }
    }
  }
}
