package dev.panaformer.nn;

import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.RowSelection;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A decoder layer of the Transformer. It has two residual blocks (self-attention and feed-forward),
 * and a third one, cross-attention, if the model has an encoder.
 */
public record DecoderLayer(
    Norm attentionNorm,
    CausalAttention attention,
    Optional<Cross> cross,
    Norm feedForwardNorm,
    FeedForward feedForward,
    NormPlacement placement) {
  /** The output of a norm or of the feed-forward network. */
  private static final Buffer BLOCK = Buffer.named("block of a decoder layer");

  /** The cross-attention block, which comes between self-attention and the feed-forward network. */
  public record Cross(Norm norm, CrossAttention attention) {}

  /**
   * Evaluates the layer for the {@linkplain Pass#rows rows} of the pass.
   *
   * @param x {@code [tokens, hidden]}, read and overwritten; {@code [rows, hidden]} afterwards
   */
  public void forward(DecoderPass pass, MemorySegment x) {
    if (cross.isEmpty()) {
      computeRows(pass, x);
      return;
    }
    // The cross-attention kernel takes all tokens of a sequence.
    RowSelection rows = pass.rows();
    pass.computeAllRows();
    computeRows(pass, x);
    if (!rows.isAll()) {
      pass.retainWanted(x, attention.output().out());
    }
  }

  private void computeRows(DecoderPass pass, MemorySegment x) {
    long tokens = pass.batch().tokens();
    long rows = pass.rows().count();
    long hidden = attention.output().out();
    switch (placement) {
      case BEFORE -> {
        MemorySegment normed = pass.floats(BLOCK, tokens * hidden);
        attentionNorm.forward(pass, x, normed, tokens);
        attention.add(pass, normed, x);
        if (cross.isPresent()) {
          cross.get().norm.forward(pass, x, normed, rows);
          cross.get().attention.add(pass, normed, x);
        }
        feedForwardNorm.forward(pass, x, normed, rows);
        feedForward.forward(pass, normed, x, x, rows);
      }
      case AFTER -> {
        attention.add(pass, x, x);
        attentionNorm.forward(pass, x, x, rows);
        if (cross.isPresent()) {
          cross.get().attention.add(pass, x, x);
          cross.get().norm.forward(pass, x, x, rows);
        }
        MemorySegment sum = pass.floats(BLOCK, rows * hidden);
        feedForward.forward(pass, x, x, sum, rows);
        feedForwardNorm.forward(pass, sum, x, rows);
      }
    }
  }
}
