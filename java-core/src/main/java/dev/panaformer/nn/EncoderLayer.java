package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/** A layer of the Transformer's encoder (Vaswani et al. 2017): two residual blocks. */
public record EncoderLayer(
    EncoderAttention attention,
    Norm attentionNorm,
    FeedForward feedForward,
    Norm feedForwardNorm,
    NormPlacement placement) {

  /**
   * @param x {@code [tokens, hidden]}, read and overwritten
   */
  public void forward(Kernels kernels, MemorySegment x, TokenBatch batch, Workspace workspace) {
    int tokens = batch.tokens();
    long floats = tokens * attention.output().out();
    switch (placement) {
      case BEFORE -> {
        MemorySegment normed = workspace.floats(Buffer.NORMED, floats);
        attentionNorm.forward(kernels, x, normed, tokens);
        attention.add(kernels, normed, x, batch, workspace);
        feedForwardNorm.forward(kernels, x, normed, tokens);
        feedForward.forward(kernels, normed, x, x, tokens, workspace);
      }
      case AFTER -> {
        attention.add(kernels, x, x, batch, workspace);
        attentionNorm.forward(kernels, x, x, tokens);
        MemorySegment sum = workspace.floats(Buffer.CONTEXT, floats);
        feedForward.forward(kernels, x, x, sum, tokens, workspace);
        feedForwardNorm.forward(kernels, sum, x, tokens);
      }
    }
  }
}
