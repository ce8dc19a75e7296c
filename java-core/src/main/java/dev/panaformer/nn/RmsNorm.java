package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/** Root mean square normalisation over the last dimension (Zhang, Sennrich 2019). */
public record RmsNorm(NormWeights weights) implements Norm {
  /**
   * @param weight {@code [hidden]}
   */
  public RmsNorm(MemorySegment weight, long hidden, float eps) {
    this(new NormWeights(weight, hidden, eps));
  }

  @Override
  public void forward(Kernels kernels, MemorySegment x, MemorySegment y, long tokens) {
    kernels.norm().rmsNorm(x, MemorySegment.NULL, weights, y, tokens);
  }
}
