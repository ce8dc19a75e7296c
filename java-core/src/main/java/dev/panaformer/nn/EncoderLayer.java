package dev.panaformer.nn;

import dev.panaformer.kernel.memory.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * An encoder layer of the Transformer (Vaswani et al. 2017). It has two residual blocks:
 * self-attention and a feed-forward network.
 */
public record EncoderLayer(
    EncoderAttention attention,
    Norm attentionNorm,
    FeedForward feedForward,
    Norm feedForwardNorm,
    NormPlacement placement) {
  /** The output of a norm or of the feed-forward network. */
  private static final Buffer BLOCK = Buffer.named("block of an encoder layer");

  /**
   * Evaluates the layer for the {@linkplain Pass#rows rows} of the pass.
   *
   * @param x {@code [tokens, hidden]}, read and overwritten; {@code [rows, hidden]} afterwards
   */
  public void forward(Pass pass, MemorySegment x) {
    long tokens = pass.batch().tokens();
    long rows = pass.rows().count();
    long hidden = attention.output().out();
    switch (placement) {
      case BEFORE -> {
        MemorySegment normed = pass.floats(BLOCK, tokens * hidden);
        attentionNorm.forward(pass, x, normed, tokens);
        attention.add(pass, normed, x);
        feedForwardNorm.forward(pass, x, normed, rows);
        feedForward.forward(pass, normed, x, x, rows);
      }
      case AFTER -> {
        attention.add(pass, x, x);
        attentionNorm.forward(pass, x, x, rows);
        MemorySegment sum = pass.floats(BLOCK, rows * hidden);
        feedForward.forward(pass, x, x, sum, rows);
        feedForwardNorm.forward(pass, sum, x, rows);
      }
    }
  }
}
