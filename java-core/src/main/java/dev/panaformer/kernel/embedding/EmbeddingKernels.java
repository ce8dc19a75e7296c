package dev.panaformer.kernel.embedding;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/**
 * Embedding of tokens, gathering of rows, and pooling of sequences. {@link
 * dev.panaformer.kernel.Kernels} describes what holds for all kernels: layouts, errors,
 * thread-safety.
 */
public sealed interface EmbeddingKernels permits NativeEmbedding, JavaEmbedding {
  /** Returns the native kernels of an engine. */
  static EmbeddingKernels of(NativeEngine engine) {
    return new NativeEmbedding(engine);
  }

  /** Returns the kernels in Java. */
  static EmbeddingKernels inJava() {
    return new JavaEmbedding();
  }

  /**
   * Computes {@code y = LayerNorm(word[id] + position[p] + tokenType[t])} for each token. Absent
   * tables add nothing; without norm weights the result is the sum. See {@link EmbeddingTables}.
   *
   * @param batch the ids, positions and types of the tokens
   * @param y {@code [tokens, hidden]}
   * @throws IndexOutOfBoundsException if the id, position or type of a token has no row in its
   *     table
   */
  void embedding(EmbeddingTables tables, TokenBatch batch, MemorySegment y, Workspace workspace);

  /**
   * Gathers rows of a tensor, adds rows of another tensor and normalises the sums: {@code y[i] =
   * LayerNorm(x[row(i)] + added[addedRow(i)])}.
   *
   * @param x {@code [any, hidden]}
   * @param added {@code [any, hidden]}; may be absent
   * @param norm the weights of the LayerNorm; if they are absent, the sums are not normalised
   * @param rows the rows to gather
   * @param y {@code [rows.count(), hidden]}; must not overlap x or added
   * @throws IndexOutOfBoundsException if x or added does not have one of the rows
   */
  void gather(
      MemorySegment x,
      MemorySegment added,
      NormWeights norm,
      RowOrder rows,
      MemorySegment y,
      Workspace workspace);

  /**
   * Computes one vector for each sequence from the vectors of its tokens.
   *
   * @param x {@code [tokens, hidden]}
   * @param lengths the lengths of the sequences, at least 1 each
   * @param y {@code [sequences, hidden]}; must not overlap x
   * @param normalize whether to divide each vector by its Euclidean norm, or by 1e-12 if that is
   *     larger
   * @throws IllegalArgumentException if a sequence has no token
   */
  void pool(
      MemorySegment x,
      SequenceLengths lengths,
      MemorySegment y,
      long hidden,
      Pooling pooling,
      boolean normalize);
}
