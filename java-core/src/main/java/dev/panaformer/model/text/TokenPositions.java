package dev.panaformer.model.text;

import dev.panaformer.kernel.memory.TokenBatch;

/**
 * Maps positions of the last sequence of a batch to rows of the batch. Masked tokens have positions
 * but no rows.
 */
final class TokenPositions {
  private final int firstRow;
  private final int positions;
  private final int[] tokensBefore; // null if no token is masked

  TokenPositions(TokenBatch batch, Sequence sequence) {
    firstRow = batch.start(batch.sequences() - 1);
    positions = sequence.places();
    tokensBefore = sequence.attentionMask() == null ? null : new int[positions + 1];
    for (int p = 0; tokensBefore != null && p < positions; p++) {
      tokensBefore[p + 1] = tokensBefore[p] + (sequence.isToken(p) ? 1 : 0);
    }
  }

  /** The row of the first token at or after a position, or the end of the sequence. */
  int row(long position) {
    int within = (int) Math.max(0, Math.min(position, positions));
    return firstRow + (tokensBefore == null ? within : tokensBefore[within]);
  }
}
