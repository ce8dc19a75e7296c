package dev.panaformer.kernel.embedding;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;

/** From tokens to vectors, and from the vectors of a sequence to one. */
public sealed interface EmbeddingKernels permits NativeEmbedding, JavaEmbedding {
  /** The kernels of an engine. */
  static EmbeddingKernels of(NativeEngine engine) {
    return new NativeEmbedding(engine);
  }

  /** The kernels in Java. */
  static EmbeddingKernels inJava() {
    return new JavaEmbedding();
  }

  /**
   * {@code y = LayerNorm(word[id] + position[p] + tokenType[t])}; see {@link EmbeddingTables}.
   *
   * @param y {@code [tokens, hidden]}
   * @throws IndexOutOfBoundsException if a token's id, position or type is outside of its table
   */
  void embedding(EmbeddingTables tables, TokenBatch batch, MemorySegment y, Workspace workspace);

  /**
   * One vector for each sequence.
   *
   * @param x {@code [tokens, hidden]}
   * @param batch whose sequences have a token at least
   * @param y {@code [sequences, hidden]}
   * @param normalize whether vectors get length 1
   */
  void pool(
      MemorySegment x,
      TokenBatch batch,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize);
}
