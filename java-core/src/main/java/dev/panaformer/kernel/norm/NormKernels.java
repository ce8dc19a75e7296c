package dev.panaformer.kernel.norm;

import dev.panaformer.kernel.engine.NativeEngine;
import java.lang.foreign.MemorySegment;

/** Functions that normalise rows, each row by itself. */
public sealed interface NormKernels permits NativeNorm, JavaNorm {
  /** The kernels of an engine. */
  static NormKernels of(NativeEngine engine) {
    return new NativeNorm(engine);
  }

  /** The kernels in Java. */
  static NormKernels inJava() {
    return new JavaNorm();
  }

  /**
   * {@code y = LayerNorm(x + residual) weight + bias} (Ba et al. 2016).
   *
   * @param x {@code [rows, hidden]}
   * @param residual {@code [rows, hidden]}; may be absent
   * @param y {@code [rows, hidden]}; may be x or the residual
   */
  void layerNorm(
      MemorySegment x, MemorySegment residual, NormWeights weights, MemorySegment y, long rows);

  /**
   * {@code y = z / sqrt(mean(z²) + eps) weight} with {@code z = x + residual} (Zhang, Sennrich
   * 2019). The bias of the weights is not used.
   *
   * @param x {@code [rows, hidden]}
   * @param residual {@code [rows, hidden]}; may be absent
   * @param y {@code [rows, hidden]}; may be x or the residual
   */
  void rmsNorm(
      MemorySegment x, MemorySegment residual, NormWeights weights, MemorySegment y, long rows);

  /** Softmax over each row of {@code columns}; y may be x. */
  void softmax(MemorySegment x, MemorySegment y, long rows, long columns);
}
