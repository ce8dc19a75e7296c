package dev.panaformer.kernel.linear;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * Linear layers, feed-forward networks and activation functions. {@link
 * dev.panaformer.kernel.Kernels} describes what holds for all kernels: layouts, errors,
 * thread-safety.
 */
public sealed interface LinearKernels permits NativeLinear, JavaLinear {
  /** Returns the native kernels of an engine. */
  static LinearKernels of(NativeEngine engine) {
    return new NativeLinear(engine);
  }

  /** Returns the kernels in Java. */
  static LinearKernels inJava() {
    return new JavaLinear();
  }

  /**
   * Computes {@code y = activation(x Wᵀ + bias) + residual}.
   *
   * @param x {@code [rows, in]}
   * @param weights W {@code [out, in]}, bias {@code [out]} or absent
   * @param residual {@code [rows, out]}; may be absent, and may be y
   * @param y {@code [rows, out]}; must not overlap x
   * @throws IllegalArgumentException if a tensor is too small, or the weight was packed by other
   *     kernels
   */
  void linear(
      MemorySegment x,
      LinearWeights weights,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Activation activation);

  /**
   * Computes a feed-forward network with one hidden layer: {@code y = activation(up(x)) downᵀ +
   * downBias + residual}. With a gate (Shazeer 2020) it is {@code y = (activation(gate(x)) * up(x))
   * downᵀ + downBias + residual}. See {@code pf_ffn}.
   *
   * @param x {@code [rows, hidden]}
   * @param residual {@code [rows, hidden]}; may be absent, and may be y
   * @param y {@code [rows, hidden]}; must not overlap x
   * @throws IllegalArgumentException if a tensor is too small, or the shapes of the weights do not
   *     match
   */
  void feedForward(
      MemorySegment x,
      FeedForwardWeights weights,
      MemorySegment residual,
      MemorySegment y,
      long rows,
      Workspace workspace);

  /**
   * Computes {@code y[i] = activation(x[i])}.
   *
   * @param x {@code [count]}
   * @param y {@code [count]}; may be x
   */
  void activate(MemorySegment x, MemorySegment y, long count, Activation activation);
}
