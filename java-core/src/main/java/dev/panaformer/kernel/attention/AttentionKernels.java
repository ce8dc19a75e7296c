package dev.panaformer.kernel.attention;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/**
 * Attention over tensors of queries, keys and values, and rotary position embedding. {@link
 * dev.panaformer.kernel.Kernels} describes what holds for all kernels: layouts, errors,
 * thread-safety.
 */
public sealed interface AttentionKernels permits NativeAttention, JavaAttention {
  /** Returns the native kernels of an engine. */
  static AttentionKernels of(NativeEngine engine) {
    return new NativeAttention(engine);
  }

  /** Returns the kernels in Java. */
  static AttentionKernels inJava() {
    return new JavaAttention();
  }

  /**
   * Computes {@code y = softmax(scale q kᵀ + bias) v} for every sequence and head. {@link
   * Attention} describes shapes and strides. The output must not overlap an input. A query without
   * keys gets zeros.
   *
   * @throws IndexOutOfBoundsException if cumulative lengths do not ascend from 0 to the number of
   *     tokens
   */
  void attention(Attention attention, Workspace workspace);

  /**
   * Computes {@code y = softmax(scale q kᵀ) v} for every query and head, over the keys in the
   * query's list only. A query without keys gets zeros.
   *
   * @param attention the tensors, without bias and causal mask. Its sequences are not used; the
   *     output must not overlap an input.
   * @param lists for each block of queries, the keys that they attend to
   * @throws IllegalArgumentException if there is a bias or a causal mask, or the lists are for
   *     another number of queries or heads
   * @throws IndexOutOfBoundsException if the lists name a key that does not exist
   */
  void sparseAttention(Attention attention, KeyLists lists, Workspace workspace);

  /**
   * Computes self-attention over a fixed number of projected keys and values (Wang et al. 2020):
   * {@code y = softmax(scale q (E k)ᵀ) (F v)} for every sequence and head. Time and memory grow
   * linearly with the number of tokens. See {@code pf_linformer_attention}.
   *
   * @param qkv {@code [tokens, 3 * heads * headDim]}: queries, then keys, then values
   * @param batch the sequences. The position of a token selects its row of the projections.
   * @param y {@code [tokens, heads * headDim]}; must not overlap qkv
   * @throws IndexOutOfBoundsException if the projections have no row for a position
   */
  void linformerAttention(
      MemorySegment qkv,
      LinformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace);

  /**
   * Computes self-attention with random features (Choromanski et al. 2021): {@code y = Σ f(q) f(k)
   * v / Σ f(q) f(k)} for every sequence and head. The sums over the keys are computed once for all
   * queries, so time grows linearly with the number of tokens. See {@code pf_performer_attention}.
   *
   * @param qkv {@code [tokens, 3 * heads * headDim]}: queries, then keys, then values
   * @param y {@code [tokens, heads * headDim]}; must not overlap qkv
   */
  void performerAttention(
      MemorySegment qkv,
      PerformerShape shape,
      TokenBatch batch,
      MemorySegment y,
      Workspace workspace);

  /**
   * Applies rotary position embedding (Su et al. 2021) in place. For every token and head it
   * rotates the pairs {@code (x[i], x[i + rotaryDim / 2])} by the angles of the token's position.
   *
   * @param rotation the tables and the strides of the heads
   * @param x rows of {@code rotation.tokenStride()} floats, one for each token; input and output
   * @throws IndexOutOfBoundsException if the tables have no row for a position
   */
  void rope(Rotation rotation, MemorySegment x, TokenBatch batch, Workspace workspace);
}
