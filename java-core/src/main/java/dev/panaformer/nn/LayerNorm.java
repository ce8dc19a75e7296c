package dev.panaformer.nn;

import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/** Layer normalisation over the last dimension (Ba et al. 2016). */
public record LayerNorm(NormWeights weights) implements Norm {
  /**
   * @param weight {@code [hidden]}
   * @param bias {@code [hidden]}
   */
  public LayerNorm(MemorySegment weight, MemorySegment bias, long hidden, float eps) {
    this(new NormWeights(weight, bias, hidden, eps));
  }

  @Override
  public void forward(Pass pass, MemorySegment x, MemorySegment y, long rows) {
    pass.kernels().norm().layerNorm(x, MemorySegment.NULL, weights, y, rows);
  }
}
