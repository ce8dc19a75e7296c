package dev.panaformer.nn;

import dev.panaformer.kernel.Activation;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.PackedWeight;
import java.lang.foreign.MemorySegment;

/**
 * {@code y = x Wᵀ + bias}.
 *
 * @param weight W {@code [out, in]}
 * @param bias {@code [out]}
 */
public record Linear(PackedWeight weight, MemorySegment bias) {

  public long out() {
    return weight.out();
  }

  public long in() {
    return weight.in();
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
    kernels.linear(x, weight, bias, MemorySegment.NULL, y, tokens, activation);
  }

  /**
   * {@code y += x Wᵀ + bias}.
   *
   * @param x {@code [tokens, in]}
   * @param y {@code [tokens, out]}
   */
  public void add(Kernels kernels, MemorySegment x, MemorySegment y, long tokens) {
    kernels.linear(x, weight, bias, y, y, tokens, Activation.NONE);
  }
}
