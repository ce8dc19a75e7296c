package dev.panaformer.nn;

import dev.panaformer.kernel.linear.Activation;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import java.lang.foreign.MemorySegment;

/** A linear layer, {@code y = x Wᵀ + bias}. */
public record Linear(LinearWeights weights) {
  /**
   * @param weight W {@code [out, in]}
   * @param bias {@code [out]}; may be absent
   */
  public Linear(PackedWeight weight, MemorySegment bias) {
    this(new LinearWeights(weight, bias));
  }

  public PackedWeight weight() {
    return weights.weight();
  }

  public MemorySegment bias() {
    return weights.bias();
  }

  public long out() {
    return weights.out();
  }

  public long in() {
    return weights.in();
  }

  /** {@link #forward(Pass, MemorySegment, MemorySegment, long, Activation)} without activation. */
  public void forward(Pass pass, MemorySegment x, MemorySegment y, long rows) {
    forward(pass, x, y, rows, Activation.NONE);
  }

  /**
   * {@code y = activation(x Wᵀ + bias)}.
   *
   * @param x {@code [rows, in]}
   * @param y {@code [rows, out]}
   */
  public void forward(
      Pass pass, MemorySegment x, MemorySegment y, long rows, Activation activation) {
    pass.kernels().linear().linear(x, weights, MemorySegment.NULL, y, rows, activation);
  }

  /**
   * {@code y += x Wᵀ + bias}.
   *
   * @param x {@code [rows, in]}
   * @param y {@code [rows, out]}
   */
  public void add(Pass pass, MemorySegment x, MemorySegment y, long rows) {
    pass.kernels().linear().linear(x, weights, y, y, rows, Activation.NONE);
  }
}
