package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
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
   * Replaces random features by those of a seed. No pass may run meanwhile.
   *
   * @throws UnsupportedOperationException if there are none
   */
  default void redrawFeatures(Kernels kernels, long seed) {
    throw new UnsupportedOperationException("this attention has no random features");
  }
}
