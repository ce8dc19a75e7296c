package dev.panaformer.kernel.memory;

/**
 * A selection of the rows of a batch whose results are computed: all rows, or some rows of each
 * sequence.
 *
 * <p>Reused, so that a pass allocates nothing. Not thread-safe.
 */
public final class RowSelection implements AutoCloseable {
  private static final Reused<RowSelection> IN_WORKSPACE = Reused.of(RowSelection::new);

  private final RowOrder picked = new RowOrder();
  private final SequenceLengths lengths = new SequenceLengths();
  private TokenBatch batch;
  private boolean all;

  /** Returns the selection of a workspace. */
  public static RowSelection in(Workspace workspace) {
    return workspace.reused(IN_WORKSPACE);
  }

  /** Selects all rows of a batch, including rows that are added to it later. */
  public RowSelection all(TokenBatch batch) {
    this.batch = batch;
    all = true;
    return this;
  }

  /** Selects the first rows of each sequence, at most {@code count} of each. */
  public RowSelection firstOf(TokenBatch batch, int count) {
    clear(batch);
    for (int s = 0; s < batch.sequences(); s++) {
      int end = Math.min(count, batch.length(s));
      for (int t = 0; t < end; t++) {
        add(batch.start(s) + t);
      }
      endSequence();
    }
    return this;
  }

  /** Clears the selection. Rows are then added one by one, sequence by sequence. */
  public void clear(TokenBatch batch) {
    this.batch = batch;
    all = false;
    picked.clear();
    lengths.clear();
  }

  /** Selects a row of the current sequence. */
  public void add(int row) {
    picked.add(row);
  }

  /** Ends the current sequence. */
  public void endSequence() {
    lengths.add(picked.count() - lengths.total());
  }

  /** Returns whether all rows are selected. */
  public boolean isAll() {
    return all;
  }

  /** Returns the number of selected rows. */
  public int count() {
    return all ? batch.tokens() : picked.count();
  }

  /** Returns the number of selected rows of each sequence. */
  public SequenceLengths lengths() {
    return all ? batch.lengths() : lengths;
  }

  /**
   * Returns the selected rows in ascending order.
   *
   * @throws IllegalStateException if all rows are selected; they are not listed
   */
  public RowOrder rows() {
    if (all) {
      throw new IllegalStateException("all rows are selected");
    }
    return picked;
  }

  @Override
  public void close() {
    picked.close();
    lengths.close();
  }
}
