package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/**
 * The attention of an encoder layer. The implementations differ in which tokens attend to which,
 * and how.
 */
public sealed interface EncoderAttention
    permits SelfAttention,
        SparseAttention,
        LongformerAttention,
        LinformerAttention,
        PerformerAttention {
  /**
   * The output projection, {@code [hidden, heads * headDim]}. Its input is the context of all
   * heads.
   */
  Linear output();

  /**
   * {@code x += attention(in)}. Keys and values are computed for all tokens. The result is computed
   * for the {@linkplain Pass#rows rows} of the pass only.
   *
   * @param in {@code [tokens, hidden]}; may be x
   * @param x {@code [tokens, hidden]}; {@code [rows, hidden]} afterwards
   */
  void add(Pass pass, MemorySegment in, MemorySegment x);

  /**
   * Draws new random features from a seed. No forward pass may run at the same time.
   *
   * @throws UnsupportedOperationException if this attention has no random features
   */
  default void redrawFeatures(Kernels kernels, long seed) {
    throw new UnsupportedOperationException("this attention has no random features");
  }
}
