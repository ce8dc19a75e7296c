package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/**
 * Root mean square normalisation over the last dimension (Zhang, Sennrich 2019).
 *
 * @param weight {@code [hidden]}
 */
public record RmsNorm(MemorySegment weight, long hidden, float eps) implements Norm {

  @Override
  public void forward(Kernels kernels, MemorySegment x, MemorySegment y, long tokens) {
    kernels.rmsNorm(x, MemorySegment.NULL, weight, y, tokens, hidden, eps);
  }
}
