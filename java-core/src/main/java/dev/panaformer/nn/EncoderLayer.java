package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import java.lang.foreign.MemorySegment;

/** A layer of the Transformer's encoder (Vaswani et al. 2017). */
public record EncoderLayer(SelfAttention attention, FeedForward feedForward) {

  /**
   * @param x {@code [tokens, hidden]}, read and overwritten
   */
  public void forward(Kernels kernels, MemorySegment x, TokenBatch batch, Workspace workspace) {
    attention.forward(kernels, x, batch, workspace);
    feedForward.forward(kernels, x, batch.tokens(), workspace);
  }
}
