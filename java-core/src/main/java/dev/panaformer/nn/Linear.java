package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
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

  /**
   * {@link #forward(Kernels, MemorySegment, MemorySegment, long, Activation)} without activation.
   */
  public void forward(Kernels kernels, MemorySegment x, MemorySegment y, long tokens) {
    forward(kernels, x, y, tokens, Activation.NONE);
  }

  /**
   * {@code y = activation(x Wᵀ + bias)}.
   *
   * @param x {@code [tokens, in]}
   * @param y {@code [tokens, out]}
   */
  public void forward(
      Kernels kernels, MemorySegment x, MemorySegment y, long tokens, Activation activation) {
    kernels.linear().linear(x, weights, MemorySegment.NULL, y, tokens, activation);
  }

  /**
   * {@code y += x Wᵀ + bias}.
   *
   * @param x {@code [tokens, in]}
   * @param y {@code [tokens, out]}
   */
  public void add(Kernels kernels, MemorySegment x, MemorySegment y, long tokens) {
    kernels.linear().linear(x, weights, y, y, tokens, Activation.NONE);
  }
}
