package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/** The part of an encoder's layer in which the tokens of a sequence see each other. */
public sealed interface EncoderAttention
    permits SelfAttention,
        SparseAttention,
        LongformerAttention,
        LinformerAttention,
        PerformerAttention {
  /** The last linear layer, over the context of all heads, {@code [hidden, heads * headDim]}. */
  Linear output();

  /**
   * {@code x += attention(in)}. All tokens have keys and values; the rest is computed for the
   * {@linkplain Pass#rows rows} of the pass.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}; {@code [rows, hidden]} afterwards
   */
  void add(Pass pass, MemorySegment in, MemorySegment x);

  /**
   * Replaces random features by those of a seed. No pass may run meanwhile.
   *
   * @throws UnsupportedOperationException if there are none
   */
  default void redrawFeatures(Kernels kernels, long seed) {
    throw new UnsupportedOperationException("this attention has no random features");
  }
}
