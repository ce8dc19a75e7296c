package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/**
 * Layer normalisation over the last dimension (Ba et al. 2016).
 *
 * @param weight {@code [hidden]}
 * @param bias {@code [hidden]}
 */
public record LayerNorm(MemorySegment weight, MemorySegment bias, long hidden, float eps)
    implements Norm {

  @Override
  public void forward(Kernels kernels, MemorySegment x, MemorySegment y, long tokens) {
    kernels.layerNorm(x, MemorySegment.NULL, weight, bias, y, tokens, hidden, eps);
  }
}
