package dev.panaformer.kernel.embedding;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
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
   * Rows of a tensor in another order, with rows of another one added, normalised: {@code y[i] =
   * LayerNorm(x[row] + added[addedRow])}.
   *
   * @param x {@code [any, hidden]}
   * @param added {@code [any, hidden]}; may be absent
   * @param norm whose weight may be absent, for rows that are not normalised
   * @param y {@code [rows, hidden]}; overlaps neither
   */
  void gather(
      MemorySegment x,
      MemorySegment added,
      NormWeights norm,
      RowOrder rows,
      MemorySegment y,
      Workspace workspace);

  /**
   * One vector for each sequence.
   *
   * @param x {@code [tokens, hidden]}
   * @param lengths of the sequences, at least 1 each
   * @param y {@code [sequences, hidden]}
   * @param normalize whether vectors get length 1
   */
  void pool(
      MemorySegment x,
      SequenceLengths lengths,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize);
}
