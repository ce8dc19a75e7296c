package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
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
    forward(kernels, x, batch, batch, workspace);
  }

  /**
   * The same for some tokens, as no other is read after the last layer: all have keys and values,
   * and the rest is computed for the queries alone. They get the bits that all would give them.
   *
   * @param x {@code [tokens, hidden]}, read and overwritten: its first rows are those of the
   *     queries
   * @param queries the {@linkplain TokenBatch#firstOf first} tokens of each sequence; or the batch,
   *     for all
   */
  public void forward(
      Kernels kernels, MemorySegment x, TokenBatch batch, TokenBatch queries, Workspace workspace) {
    int tokens = queries.tokens();
    long hidden = attention.output().out();
    switch (placement) {
      case BEFORE -> {
        MemorySegment normed = workspace.floats(Buffer.NORMED, batch.tokens() * hidden);
        attentionNorm.forward(kernels, x, normed, batch.tokens());
        attention.add(kernels, normed, x, batch, queries, workspace);
        feedForwardNorm.forward(kernels, x, normed, tokens);
        feedForward.forward(kernels, normed, x, x, tokens, workspace);
      }
      case AFTER -> {
        attention.add(kernels, x, x, batch, queries, workspace);
        attentionNorm.forward(kernels, x, x, tokens);
        MemorySegment sum = workspace.floats(Buffer.CONTEXT, tokens * hidden);
        feedForward.forward(kernels, x, x, sum, tokens, workspace);
        feedForwardNorm.forward(kernels, sum, x, tokens);
      }
    }
  }
}
