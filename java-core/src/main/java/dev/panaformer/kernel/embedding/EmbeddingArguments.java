package dev.panaformer.kernel.embedding;

import static dev.panaformer.kernel.memory.Arguments.isAbsent;
import static dev.panaformer.kernel.memory.Arguments.requireComplete;
import static dev.panaformer.kernel.memory.Arguments.requireDisjoint;
import static dev.panaformer.kernel.memory.Arguments.requireFloats;
import static dev.panaformer.kernel.memory.Arguments.requireFloatsOrAbsent;
import static dev.panaformer.kernel.memory.Arguments.requireSize;

import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;

/** Checks of the arguments of {@link EmbeddingKernels}. */
final class EmbeddingArguments {
  private EmbeddingArguments() {}

  static void embedding(EmbeddingTables tables, TokenBatch batch, MemorySegment y) {
    requireSize("embedding", "hidden", tables.hidden(), 1);
    requireSize("embedding", "vocab", tables.vocab(), 1);
    requireSize("embedding", "positions", tables.positions(), 0);
    requireSize("embedding", "tokenTypes", tables.tokenTypes(), 0);
    if (tables.packedWord().isEmpty()) {
      requireFloats("embedding", "word", tables.word(), tables.vocab(), tables.hidden());
    } else {
      requireWords(tables, tables.packedWord().get());
    }
    if (tables.positions() > 0) {
      requireFloats(
          "embedding", "position", tables.position(), tables.positions(), tables.hidden());
    }
    if (tables.tokenTypes() > 0) {
      requireFloats(
          "embedding", "tokenType", tables.tokenType(), tables.tokenTypes(), tables.hidden());
    }
    requireFloatsOrAbsent("embedding", "weight", tables.weight(), 1, tables.hidden());
    requireFloatsOrAbsent("embedding", "bias", tables.bias(), 1, tables.hidden());
    if (isAbsent(tables.weight()) != isAbsent(tables.bias())) {
      throw new IllegalArgumentException("embedding: one of weight and bias is absent");
    }
    requireComplete("embedding", batch);
    requireFloats("embedding", "y", y, batch.tokens(), tables.hidden());
  }

  private static void requireWords(EmbeddingTables tables, PackedWeight words) {
    if (!isAbsent(tables.word())
        || words.out() != tables.vocab()
        || words.in() != tables.hidden()) {
      throw new IllegalArgumentException(
          String.format(
              "embedding: packed words %s [%d, %d] in place of a table of [%d, %d]",
              words.name(), words.out(), words.in(), tables.vocab(), tables.hidden()));
    }
  }

  static void pool(MemorySegment x, TokenBatch batch, MemorySegment y, long hidden) {
    requireSize("pool", "hidden", hidden, 1);
    requireComplete("pool", batch);
    for (int s = 0; s < batch.sequences(); s++) {
      if (batch.length(s) == 0) {
        throw new IllegalArgumentException("pool: sequence " + s + " has no token");
      }
    }
    requireFloats("pool", "x", x, batch.tokens(), hidden);
    requireFloats("pool", "y", y, batch.sequences(), hidden);
    requireDisjoint("pool", y, batch.sequences() * hidden, "x", x, batch.tokens() * hidden);
  }
}
