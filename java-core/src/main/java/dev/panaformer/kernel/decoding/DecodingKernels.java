package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Optional;

/**
 * Attention over a key-value cache, and the top-k of logits. {@link dev.panaformer.kernel.Kernels}
 * describes what holds for all kernels: layouts, errors, thread-safety.
 */
public sealed interface DecodingKernels permits NativeDecoding, JavaDecoding {
  /** Returns the native kernels of an engine. */
  static DecodingKernels of(NativeEngine engine) {
    return new NativeDecoding(engine);
  }

  /** Returns the kernels in Java. */
  static DecodingKernels inJava() {
    return new JavaDecoding();
  }

  /**
   * Writes the keys and values of a batch's tokens into their slots of a layer of the cache.
   *
   * @param qkv one row of {@code tokenStride} floats for each token. Its keys begin at element
   *     {@code keys} and its values follow directly, {@code kvHeads * headDim} floats each.
   * @param keys the element of a row at which the keys begin
   * @param tokenStride floats from one row to the next
   */
  void kvStore(
      MemorySegment qkv,
      long keys,
      long tokenStride,
      DecoderBatch batch,
      KvCache.Layer layer,
      Workspace workspace);

  /**
   * Computes causal attention, {@code y = softmax(scale q kᵀ + bias) v}, of a batch's tokens over
   * the cached keys and values of their sequences. {@link CachedAttention} describes shapes; the
   * output must not overlap the queries. The result of a token does not depend on how its sequence
   * was divided into passes.
   */
  void pagedAttention(CachedAttention attention, Workspace workspace);

  /**
   * Computes cross-attention, {@code y = softmax(scale q kᵀ) v}, of all tokens of a batch over all
   * keys and values of their sequences' sources.
   *
   * @param attention the arguments. Queries are {@code [tokens, heads * headDim]} without gaps; the
   *     output must not overlap them.
   * @throws IllegalArgumentException if a sequence has no source, or there is a window, a bias or a
   *     selection of queries
   */
  void crossAttention(CachedAttention attention, Workspace workspace);

  /**
   * Finds the largest elements of each row of logits, and the logarithm of the sum of exponentials
   * of each row.
   *
   * @param logits {@code [rows, columns]}
   * @param inverseTemperatures {@code [rows]}, finite and above 0. Each row is multiplied by its
   *     own before the exponentials are summed; {@code best.values()} are not multiplied.
   * @param best the results, {@code [rows, best.count()]}
   */
  void topK(
      MemorySegment logits, MemorySegment inverseTemperatures, TopK best, long rows, long columns);

  /**
   * Computes {@link #topK} of the logits {@code x Wᵀ + bias} without storing all logits.
   *
   * @param x {@code [rows, in]}
   * @param head W {@code [out, in]}, bias {@code [out]} or absent
   */
  void linearTopK(
      MemorySegment x,
      LinearWeights head,
      MemorySegment inverseTemperatures,
      TopK best,
      long rows,
      Workspace workspace);

  /**
   * Computes {@link #linearTopK} without the logarithms of the sums. A screen lets it skip logits
   * that cannot be among the largest. It does not change the result.
   *
   * @param x {@code [rows, in]}
   * @param screen a screen of the head's weight that these kernels have made; may be empty
   * @return the number of the {@code out} columns that were computed; fewer than {@code out} if the
   *     screen excluded some
   */
  long linearBest(
      MemorySegment x,
      LinearWeights head,
      Optional<Screen> screen,
      TopK best,
      long rows,
      Workspace workspace);

  /**
   * Creates a screen of the weight of an output head. Returns empty if these kernels have no screen
   * for such a weight.
   *
   * @param memory allocates the screen
   */
  Optional<Screen> screen(PackedWeight weight, SegmentAllocator memory);
}
