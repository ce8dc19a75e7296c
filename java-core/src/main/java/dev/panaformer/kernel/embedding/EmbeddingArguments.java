package dev.panaformer.kernel.embedding;

import static dev.panaformer.kernel.memory.Arguments.isAbsent;
import static dev.panaformer.kernel.memory.Arguments.received;
import static dev.panaformer.kernel.memory.Arguments.requireComplete;
import static dev.panaformer.kernel.memory.Arguments.requireDisjoint;
import static dev.panaformer.kernel.memory.Arguments.requireFloats;
import static dev.panaformer.kernel.memory.Arguments.requireFloatsOrAbsent;
import static dev.panaformer.kernel.memory.Arguments.requireSize;

import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.RowOrder;
import dev.panaformer.kernel.memory.SequenceLengths;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.norm.NormWeights;
import java.lang.foreign.MemorySegment;

/** Argument checks of {@link EmbeddingKernels}. */
final class EmbeddingArguments {
  private EmbeddingArguments() {}

  static void embedding(EmbeddingTables tables, TokenBatch batch, MemorySegment y) {
    requireSize("embedding", "hidden", tables.hidden(), 1);
    requireSize("embedding", "vocab", tables.words().count(), 1);
    requireSize("embedding", "positions", tables.positions().count(), 0);
    requireSize("embedding", "tokenTypes", tables.tokenTypes().count(), 0);
    if (tables.packedWords().isEmpty()) {
      requireFloats(
          "embedding", "word", tables.words().rows(), tables.words().count(), tables.hidden());
    } else {
      requireWords(tables, tables.packedWords().get());
    }
    if (tables.positions().count() > 0) {
      requireFloats(
          "embedding",
          "position",
          tables.positions().rows(),
          tables.positions().count(),
          tables.hidden());
    }
    if (tables.tokenTypes().count() > 0) {
      requireFloats(
          "embedding",
          "tokenType",
          tables.tokenTypes().rows(),
          tables.tokenTypes().count(),
          tables.hidden());
    }
    requireFloatsOrAbsent("embedding", "weight", tables.norm().weight(), 1, tables.hidden());
    requireFloatsOrAbsent("embedding", "bias", tables.norm().bias(), 1, tables.hidden());
    if (isAbsent(tables.norm().weight()) != isAbsent(tables.norm().bias())) {
      throw new IllegalArgumentException("embedding: one of weight and bias is absent");
    }
    requireComplete("embedding", batch);
    requireFloats("embedding", "y", y, batch.tokens(), tables.hidden());
  }

  private static void requireWords(EmbeddingTables tables, PackedWeight words) {
    if (!isAbsent(tables.words().rows())
        || words.out() != tables.words().count()
        || words.in() != tables.hidden()) {
      throw new IllegalArgumentException(
          String.format(
              "embedding: packed words %s [%d, %d] in place of a table of [%d, %d]",
              words.name(), words.out(), words.in(), tables.words().count(), tables.hidden()));
    }
  }

  static void gather(
      MemorySegment x, MemorySegment added, NormWeights norm, RowOrder rows, MemorySegment y) {
    long hidden = norm.hidden();
    requireSize("gather", "hidden", hidden, 1);
    requireRows("x", x, rows.sourceRows(), hidden);
    if (!isAbsent(added)) {
      requireRows("added", added, rows.sourceAddedRows(), hidden);
    }
    requireFloatsOrAbsent("gather", "weight", norm.weight(), 1, hidden);
    requireFloatsOrAbsent("gather", "bias", norm.bias(), 1, hidden);
    if (isAbsent(norm.weight()) != isAbsent(norm.bias())) {
      throw new IllegalArgumentException("gather: one of weight and bias is absent");
    }
    requireFloats("gather", "y", y, rows.count(), hidden);
    long floats = rows.count() * hidden;
    requireDisjoint("gather", y, floats, "x", x, rows.sourceRows() * hidden);
  }

  private static void requireRows(String name, MemorySegment x, long rows, long hidden) {
    if (x.byteSize() / Float.BYTES < rows * hidden) {
      throw new IndexOutOfBoundsException(
          "gather: row " + (rows - 1) + " of " + name + ", which " + received(x));
    }
  }

  static void pool(MemorySegment x, SequenceLengths lengths, MemorySegment y, long hidden) {
    requireSize("pool", "hidden", hidden, 1);
    for (int s = 0; s < lengths.sequences(); s++) {
      if (lengths.length(s) == 0) {
        throw new IllegalArgumentException("pool: sequence " + s + " has no token");
      }
    }
    requireFloats("pool", "x", x, lengths.total(), hidden);
    requireFloats("pool", "y", y, lengths.sequences(), hidden);
    requireDisjoint("pool", y, lengths.sequences() * hidden, "x", x, lengths.total() * hidden);
  }
}
