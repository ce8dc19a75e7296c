package dev.panaformer.model;

import dev.panaformer.kernel.memory.TokenBatch;

/**
 * Where the tokens of a batch's last sequence are: from places, which count those that are masked
 * out, to rows, which do not.
 */
final class Places {
  private final int firstRow;
  private final int places;
  private final int[] tokensBefore; // null if none is masked out

  Places(TokenBatch batch, Sequence sequence) {
    firstRow = batch.start(batch.sequences() - 1);
    places = sequence.places();
    tokensBefore = sequence.attentionMask() == null ? null : new int[places + 1];
    for (int place = 0; tokensBefore != null && place < places; place++) {
      tokensBefore[place + 1] = tokensBefore[place] + (sequence.isToken(place) ? 1 : 0);
    }
  }

  /** The row of the first token at or behind a place, or the sequence's end; of any place. */
  int row(long place) {
    int within = (int) Math.max(0, Math.min(place, places));
    return firstRow + (tokensBefore == null ? within : tokensBefore[within]);
  }
}
