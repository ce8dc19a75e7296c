package dev.panaformer.nn;

import dev.panaformer.kernel.DecoderBatch;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.KvCache;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/** A layer of a decoder that normalises before each of its two residual blocks. */
public record DecoderLayer(
    Norm attentionNorm, CausalAttention attention, Norm feedForwardNorm, FeedForward feedForward) {

  /**
   * @param x {@code [tokens, hidden]}, read and overwritten
   * @param index whose part of the cache is written and read
   */
  public void forward(
      Kernels kernels,
      MemorySegment x,
      DecoderBatch batch,
      KvCache cache,
      int index,
      Workspace workspace) {
    int tokens = batch.tokens().tokens();
    MemorySegment normed = workspace.floats(Buffer.NORMED, tokens * attention.output().out());
    attentionNorm.forward(kernels, x, normed, tokens);
    attention.add(kernels, normed, x, batch, cache, index, workspace);
    feedForwardNorm.forward(kernels, x, normed, tokens);
    feedForward.forward(kernels, normed, x, x, tokens, workspace);
  }
}
