package dev.panaformer.kernel.attention;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** Attention over tensors of queries, keys and values, and rotary positions. */
public sealed interface AttentionKernels permits NativeAttention, JavaAttention {
  /** The kernels of an engine. */
  static AttentionKernels of(NativeEngine engine) {
    return new NativeAttention(engine);
  }

  /** The kernels in Java. */
  static AttentionKernels inJava() {
    return new JavaAttention();
  }

  /**
   * {@code y = softmax(scale q kᵀ + bias) v} for every sequence and head; see {@link Attention}.
   */
  void attention(Attention attention, Workspace workspace);

  /**
   * {@code y = softmax(scale q kᵀ) v} over the keys that each query's list names; see {@link
   * KeyLists}. A query without keys gets zeros.
   *
   * @param attention without bias or causal mask; the lists take the place of its sequences
   */
  void sparseAttention(Attention attention, KeyLists lists, Workspace workspace);

  /**
   * Self-attention over a fixed number of projected keys and values: {@code softmax(scale q (E k)ᵀ)
   * (F v)} for every sequence and head. Time and memory grow linearly with the tokens; see {@code
   * pf_linformer_attention}.
   *
   * @param qkv {@code [tokens, 3 * heads * headDim]}: queries, keys, values
   * @param batch whose positions choose the rows of the projections
   * @param y {@code [tokens, heads * headDim]}
   * @throws IndexOutOfBoundsException if the projections have no row for a position
   */
  void linformerAttention(
      MemorySegment qkv,
      LinformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace);

  /**
   * Self-attention by random features: {@code Σ f(q) f(k) v / Σ f(q) f(k)} for every sequence and
   * head, summed over the keys first. Time grows linearly with the tokens; see {@code
   * pf_performer_attention}.
   *
   * @param qkv {@code [tokens, 3 * heads * headDim]}: queries, keys, values
   * @param y {@code [tokens, heads * headDim]}
   */
  void performerAttention(
      MemorySegment qkv,
      PerformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace);

  /**
   * Rotary position embedding (Su et al. 2021): turns the pairs {@code (x[i], x[i + rotaryDim /
   * 2])} of every head by the angles of its token's position, in place.
   *
   * @throws IndexOutOfBoundsException if the tables have no row for a position
   */
  void rope(Rotation rotation, MemorySegment x, TokenBatch batch, Workspace workspace);
}
