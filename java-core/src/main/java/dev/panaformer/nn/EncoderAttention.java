package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** The part of an encoder's layer in which the tokens of a sequence see each other. */
public sealed interface EncoderAttention
    permits SelfAttention,
        SparseAttention,
        LongformerAttention,
        LinformerAttention,
        PerformerAttention {

  /** What the context of all heads goes through last, {@code [hidden, heads * headDim]}. */
  Linear output();

  /**
   * {@code x += attention(in)}.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}
   */
  void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace);

  /**
   * {@code x += attention(in)} for some tokens, whose keys are those of all.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}; its first rows are those of the queries afterwards
   * @param queries the {@linkplain TokenBatch#firstOf first} tokens of each sequence; or the batch,
   *     for all
   */
  default void add(
      Kernels kernels,
      MemorySegment in,
      MemorySegment x,
      TokenBatch batch,
      TokenBatch queries,
      Workspace workspace) {
    add(kernels, in, x, batch, workspace);
    if (queries != batch) {
      kernels.memory().retainRows(x, batch.tokens(), output().out(), queries, workspace);
    }
  }

  /**
   * Replaces random features by those of a seed. No pass may run meanwhile.
   *
   * @throws UnsupportedOperationException if there are none
   */
  default void redrawFeatures(Kernels kernels, long seed) {
    throw new UnsupportedOperationException("this attention has no random features");
  }
}
