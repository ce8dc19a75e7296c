package dev.panaformer.kernel.norm;

import static dev.panaformer.kernel.memory.Arguments.requireFloats;
import static dev.panaformer.kernel.memory.Arguments.requireFloatsOrAbsent;
import static dev.panaformer.kernel.memory.Arguments.requireSize;

import java.lang.foreign.MemorySegment;

/** Argument checks of {@link NormKernels}. */
final class NormArguments {
  private NormArguments() {}

  static void layerNorm(
      MemorySegment x, MemorySegment residual, NormWeights w, MemorySegment y, long rows) {
    norm("layerNorm", x, residual, w, y, rows);
    requireFloatsOrAbsent("layerNorm", "bias", w.bias(), 1, w.hidden());
  }

  static void rmsNorm(
      MemorySegment x, MemorySegment residual, NormWeights w, MemorySegment y, long rows) {
    norm("rmsNorm", x, residual, w, y, rows);
  }

  private static void norm(
      String kernel,
      MemorySegment x,
      MemorySegment residual,
      NormWeights w,
      MemorySegment y,
      long rows) {
    requireSize(kernel, "rows", rows, 0);
    requireSize(kernel, "hidden", w.hidden(), 1);
    requireFloats(kernel, "x", x, rows, w.hidden());
    requireFloatsOrAbsent(kernel, "residual", residual, rows, w.hidden());
    requireFloats(kernel, "weight", w.weight(), 1, w.hidden());
    requireFloats(kernel, "y", y, rows, w.hidden());
  }

  static void softmax(MemorySegment x, MemorySegment y, long rows, long columns) {
    requireSize("softmax", "rows", rows, 0);
    requireSize("softmax", "columns", columns, 1);
    requireFloats("softmax", "x", x, rows, columns);
    requireFloats("softmax", "y", y, rows, columns);
  }
}
