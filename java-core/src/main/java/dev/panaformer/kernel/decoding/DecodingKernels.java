package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.linear.LinearWeights;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Optional;

/** What decoders need: a key-value cache, and the best tokens of a row of logits. */
public sealed interface DecodingKernels permits NativeDecoding, JavaDecoding {
  /** The kernels of an engine. */
  static DecodingKernels of(NativeEngine engine) {
    return new NativeDecoding(engine);
  }

  /** The kernels in Java. */
  static DecodingKernels inJava() {
    return new JavaDecoding();
  }

  /**
   * Writes the keys and values of a batch into a layer of the cache.
   *
   * @param qkv rows of {@code tokenStride} floats, with the keys from {@code keys} on and the
   *     values right behind them, {@code kvHeads * headDim} each
   */
  void kvStore(
      MemorySegment qkv,
      long keys,
      long tokenStride,
      DecoderBatch batch,
      KvCache.Layer layer,
      Workspace workspace);

  /**
   * Causal attention of tokens of a batch over all that the cache has of their sequences. The
   * result of a token does not depend on how its sequence was spread over passes.
   */
  void pagedAttention(CachedAttention attention, Workspace workspace);

  /**
   * Attention of a batch's tokens over all keys of their sequences' sources, without window or
   * bias.
   *
   * @param attention whose batch has a source for every sequence, with queries {@code [tokens,
   *     heads * headDim]}
   */
  void crossAttention(CachedAttention attention, Workspace workspace);

  /**
   * The largest elements of each row of logits.
   *
   * @param logits {@code [rows, columns]}
   * @param inverseTemperatures {@code [rows]}, for the logarithm of the sum
   */
  void topK(
      MemorySegment logits, MemorySegment inverseTemperatures, TopK best, long rows, long columns);

  /**
   * {@link #topK} of the logits {@code x weightᵀ + bias}, which are not kept.
   *
   * @param x {@code [rows, in]}
   */
  void linearTopK(
      MemorySegment x,
      LinearWeights head,
      MemorySegment inverseTemperatures,
      TopK best,
      long rows,
      Workspace workspace);

  /**
   * {@link #linearTopK} without the logarithms of the sums, which a screen makes faster.
   *
   * @param screen of the head's weight, made by these kernels; or empty
   * @return how many of the {@code out} columns were computed: fewer than all if the screen
   *     excluded the others
   */
  long linearBest(
      MemorySegment x,
      LinearWeights head,
      Optional<Screen> screen,
      TopK best,
      long rows,
      Workspace workspace);

  /**
   * Makes a screen of a head's weight; empty if these kernels have none for such a weight.
   *
   * @param memory where it goes
   */
  Optional<Screen> screen(PackedWeight weight, SegmentAllocator memory);
}
