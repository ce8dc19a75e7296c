package dev.panaformer.kernel.linear;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** Linear layers, feed-forward networks and activation functions. */
public sealed interface LinearKernels permits NativeLinear, JavaLinear {
  /** The kernels of an engine. */
  static LinearKernels of(NativeEngine engine) {
    return new NativeLinear(engine);
  }

  /** The kernels in Java. */
  static LinearKernels inJava() {
    return new JavaLinear();
  }

  /**
   * {@code y = activation(x Wᵀ + bias) + residual}.
   *
   * @param x {@code [rows, in]}
   * @param residual {@code [rows, out]}; may be y, or absent
   * @param y {@code [rows, out]}
   */
  void linear(
      MemorySegment x,
      LinearWeights weights,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Activation activation);

  /**
   * {@code y = activation(up(x)) downᵀ + downBias + residual}, or, with a gate, {@code y =
   * (activation(gate(x)) * up(x)) downᵀ + downBias + residual} (Shazeer 2020); see {@code pf_ffn}.
   *
   * @param x {@code [rows, hidden]}
   * @param residual {@code [rows, hidden]}; may be y, or absent
   * @param y {@code [rows, hidden]}
   */
  void feedForward(
      MemorySegment x,
      FeedForwardWeights weights,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Workspace workspace);

  /** {@code y[i] = activation(x[i])}; y may be x. */
  void activate(MemorySegment x, MemorySegment y, long count, Activation activation);
}
