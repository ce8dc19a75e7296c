package dev.panaformer.kernel.norm;

import dev.panaformer.kernel.engine.NativeEngine;
import java.lang.foreign.MemorySegment;

/**
 * Normalisation of rows. Each row of a result depends only on the same row of the inputs. {@link
 * dev.panaformer.kernel.Kernels} describes what holds for all kernels: layouts, errors,
 * thread-safety.
 */
public sealed interface NormKernels permits NativeNorm, JavaNorm {
  /** Returns the native kernels of an engine. */
  static NormKernels of(NativeEngine engine) {
    return new NativeNorm(engine);
  }

  /** Returns the kernels in Java. */
  static NormKernels inJava() {
    return new JavaNorm();
  }

  /**
   * Computes {@code y = (z - mean(z)) / sqrt(var(z) + eps) weight + bias} for each row, where
   * {@code z = x + residual} and {@code var} is the mean square deviation (Ba et al. 2016).
   *
   * @param x {@code [rows, hidden]}
   * @param residual {@code [rows, hidden]}; may be absent
   * @param weights weight {@code [hidden]}, bias {@code [hidden]} or absent
   * @param y {@code [rows, hidden]}; may be x or the residual
   */
  void layerNorm(
      MemorySegment x, MemorySegment residual, NormWeights weights, MemorySegment y, long rows);

  /**
   * Computes {@code y = z / sqrt(mean(z²) + eps) weight} for each row, where {@code z = x +
   * residual} (Zhang, Sennrich 2019).
   *
   * @param x {@code [rows, hidden]}
   * @param residual {@code [rows, hidden]}; may be absent
   * @param weights weight {@code [hidden]}; the bias is not used
   * @param y {@code [rows, hidden]}; may be x or the residual
   */
  void rmsNorm(
      MemorySegment x, MemorySegment residual, NormWeights weights, MemorySegment y, long rows);

  /**
   * Computes the softmax of each row.
   *
   * @param x {@code [rows, columns]}
   * @param y {@code [rows, columns]}; may be x
   */
  void softmax(MemorySegment x, MemorySegment y, long rows, long columns);
}
