package dev.panaformer.nn;

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
  public void forward(Pass pass, MemorySegment x, MemorySegment y, long rows) {
    pass.kernels().norm().rmsNorm(x, MemorySegment.NULL, weights, y, rows);
  }
}
