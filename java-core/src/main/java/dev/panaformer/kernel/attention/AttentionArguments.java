package dev.panaformer.kernel.attention;

import static dev.panaformer.kernel.memory.Arguments.floats;
import static dev.panaformer.kernel.memory.Arguments.isAbsent;
import static dev.panaformer.kernel.memory.Arguments.received;
import static dev.panaformer.kernel.memory.Arguments.requireComplete;
import static dev.panaformer.kernel.memory.Arguments.requireDisjoint;
import static dev.panaformer.kernel.memory.Arguments.requireFloats;
import static dev.panaformer.kernel.memory.Arguments.requireRows;
import static dev.panaformer.kernel.memory.Arguments.requireSize;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.Limits;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;

/** Argument checks of {@link AttentionKernels}. */
final class AttentionArguments {
  private AttentionArguments() {}

  static void attention(Attention a) {
    requireSize("attention", "sequences", a.sequences, 0);
    requireCumulative("cuSeqlensQ", a.cuSeqlensQ, a.sequences, a.qTokens);
    requireCumulative("cuSeqlensKv", a.cuSeqlensKv, a.sequences, a.kvTokens);
    requireTensors("attention", a, Limits.MAX_HEAD_DIM);
    if (!isAbsent(a.bias)) {
      requireBias(a);
    }
  }

  static void sparseAttention(Attention a, KeyLists lists) {
    requireTensors("sparseAttention", a, Limits.MAX_SPARSE_HEAD_DIM);
    if (a.causal || !isAbsent(a.bias)) {
      throw new IllegalArgumentException("sparseAttention: has neither causal mask nor bias");
    }
    if (lists.queries() != a.qTokens) {
      throw new IllegalArgumentException(
          "sparseAttention: lists for " + lists.queries() + " queries, but there are " + a.qTokens);
    }
    if (lists.lists() != 1 && lists.lists() != a.heads) {
      throw new IllegalArgumentException(
          "sparseAttention: blocks of " + lists.lists() + " lists, neither 1 nor " + a.heads);
    }
    if (lists.banded() && lists.bandCount() != lists.queries()) {
      throw new IllegalArgumentException(
          "sparseAttention: "
              + lists.bandCount()
              + " bands for "
              + lists.queries()
              + " queries with banded spans");
    }
    if (lists.keys() > a.kvTokens) {
      throw new IndexOutOfBoundsException(
          "sparseAttention: lists of keys up to " + lists.keys() + ", but there are " + a.kvTokens);
    }
  }

  /** Checks the numbers of heads and the tensors of queries, keys, values and output. */
  private static void requireTensors(String kernel, Attention a, long maxHeadDim) {
    requireSize(kernel, "heads", a.heads, 1);
    requireSize(kernel, "kvHeads", a.kvHeads, 1);
    if (a.heads % a.kvHeads != 0) {
      throw new IllegalArgumentException(
          kernel + ": " + a.kvHeads + " kvHeads do not divide " + a.heads + " heads");
    }
    if (a.headDim < 1 || a.headDim > maxHeadDim) {
      throw new IllegalArgumentException(
          kernel + ": headDim is " + a.headDim + ", not in 1 to " + maxHeadDim);
    }
    requireStrided(
        kernel, "q", a.q, a.qOffset, a.qTokens, a.qTokenStride, a.heads, a.qHeadStride, a.headDim);
    requireStrided(
        kernel,
        "k",
        a.k,
        a.kOffset,
        a.kvTokens,
        a.kvTokenStride,
        a.kvHeads,
        a.kvHeadStride,
        a.headDim);
    requireStrided(
        kernel,
        "v",
        a.v,
        a.vOffset,
        a.kvTokens,
        a.kvTokenStride,
        a.kvHeads,
        a.kvHeadStride,
        a.headDim);
    long yFloats =
        requireStrided(
            kernel, "y", a.y, 0, a.qTokens, a.yTokenStride, a.heads, a.yHeadStride, a.headDim);
    requireDisjoint(kernel, a.y, yFloats, "q", a.q, floats(a.q));
    requireDisjoint(kernel, a.y, yFloats, "k", a.k, floats(a.k));
    requireDisjoint(kernel, a.y, yFloats, "v", a.v, floats(a.v));
  }

  static void linformerAttention(
      MemorySegment qkv, LinformerShape shape, TokenBatch batch, MemorySegment y) {
    SequenceProjections projections = shape.projections();
    long heads = shape.heads();
    long headDim = shape.headDim();
    String kernel = "linformerAttention";
    requirePacked(kernel, qkv, batch, y, heads, headDim);
    long positions = projections.positions();
    long projected = projections.projected();
    requireSize(kernel, "positions", positions, 1);
    requireHeads(kernel, heads, "projected", projected);
    requireFloats(kernel, "keys", projections.keys(), positions, projected);
    requireFloats(kernel, "values", projections.values(), positions, projected);
    for (long t = 0; t < batch.tokens(); t++) {
      int position = batch.positionIds().getAtIndex(JAVA_INT, t);
      if (position < 0 || position >= positions) {
        throw new IndexOutOfBoundsException(
            kernel
                + ": token "
                + t
                + " has position "
                + position
                + ", but there are projections of "
                + positions);
      }
    }
  }

  static void performerAttention(
      MemorySegment qkv, PerformerShape shape, TokenBatch batch, MemorySegment y) {
    RandomFeatures features = shape.features();
    long heads = shape.heads();
    String kernel = "performerAttention";
    requirePacked(kernel, qkv, batch, y, heads, features.headDim());
    requireHeads(kernel, heads, "features", features.count());
    requireFloats(kernel, "features", features.weight(), features.count(), features.headDim());
    if (!(features.offset() >= 0)) {
      throw new IllegalArgumentException(
          kernel + ": offset is " + features.offset() + ", not at least 0");
    }
  }

  /** Checks self-attention whose queries, keys and values are in one tensor {@code qkv}. */
  private static void requirePacked(
      String kernel, MemorySegment qkv, TokenBatch batch, MemorySegment y, long heads, long dim) {
    requireSize(kernel, "heads", heads, 1);
    if (dim < 1 || dim > Limits.MAX_HEAD_DIM) {
      throw new IllegalArgumentException(
          kernel + ": headDim is " + dim + ", not in 1 to " + Limits.MAX_HEAD_DIM);
    }
    requireComplete(kernel, batch);
    long row = heads * dim;
    requireSize(kernel, "3 * heads * headDim", 3 * row, 1);
    requireFloats(kernel, "qkv", qkv, batch.tokens(), 3 * row);
    requireFloats(kernel, "y", y, batch.tokens(), row);
    requireDisjoint(kernel, y, batch.tokens() * row, "qkv", qkv, batch.tokens() * 3 * row);
  }

  /** Checks a count per head. The product with the number of heads must be a valid dimension. */
  private static void requireHeads(String kernel, long heads, String name, long count) {
    requireSize(kernel, name, count, 1);
    requireSize(kernel, "heads * " + name, heads * count, 1);
  }

  static void rope(Rotation rotation, MemorySegment x, TokenBatch batch) {
    RotaryTables tables = rotation.tables();
    long heads = rotation.heads();
    requireSize("rope", "heads", heads, 1);
    requireSize("rope", "positions", tables.positions(), 1);
    if (tables.rotaryDim() < 2
        || tables.rotaryDim() % 2 != 0
        || tables.rotaryDim() > Limits.MAX_HEAD_DIM) {
      throw new IllegalArgumentException(
          "rope: rotaryDim is "
              + tables.rotaryDim()
              + ", not an even number to "
              + Limits.MAX_HEAD_DIM);
    }
    requireFloats("rope", "cos", tables.cos(), tables.positions(), tables.rotaryDim() / 2);
    requireFloats("rope", "sin", tables.sin(), tables.positions(), tables.rotaryDim() / 2);
    requireRows(
        "rope",
        x,
        batch.tokens(),
        rotation.tokenStride(),
        (heads - 1) * rotation.headStride() + tables.rotaryDim());
    for (long t = 0; t < batch.tokens(); t++) {
      int position = batch.positionIds().getAtIndex(JAVA_INT, t);
      if (position < 0 || position >= tables.positions()) {
        throw new IndexOutOfBoundsException(
            "rope: token " + t + " has position " + position + " of " + tables.positions());
      }
    }
  }

  private static void requireCumulative(
      String name, MemorySegment lengths, long sequences, long tokens) {
    requireSize("attention", "tokens", tokens, 0);
    if (lengths.byteSize() / Integer.BYTES < sequences + 1 || !lengths.isNative()) {
      throw new IllegalArgumentException(
          "attention: " + name + " needs " + (sequences + 1) + " int32");
    }
    int previous = lengths.get(JAVA_INT, 0);
    boolean ascending = previous == 0;
    for (long s = 1; s <= sequences; s++) {
      int next = lengths.getAtIndex(JAVA_INT, s);
      ascending &= next >= previous;
      previous = next;
    }
    if (!ascending || previous != tokens) {
      throw new IndexOutOfBoundsException(
          "attention: " + name + " does not ascend from 0 to " + tokens);
    }
  }

  /**
   * Checks a strided tensor. Returns the number of floats from the start of the segment to the end
   * of its last element.
   */
  private static long requireStrided(
      String kernel,
      String name,
      MemorySegment segment,
      long offset,
      long tokens,
      long tokenStride,
      long heads,
      long headStride,
      long headDim) {
    if (tokens == 0) {
      return 0;
    }
    if (offset < 0
        || tokenStride < 0
        || headStride < 0
        || tokenStride > Limits.MAX_DIMENSION
        || headStride > Limits.MAX_DIMENSION) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + name
              + " has offset "
              + offset
              + ", token stride "
              + tokenStride
              + ", head stride "
              + headStride);
    }
    long end = Math.addExact(offset, (tokens - 1) * tokenStride);
    end = Math.addExact(end, (heads - 1) * headStride + headDim);
    if (floats(segment) < end || !segment.isNative()) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + name
              + " "
              + received(segment)
              + ", but "
              + tokens
              + " tokens (stride "
              + tokenStride
              + "), "
              + heads
              + " heads (stride "
              + headStride
              + ") of "
              + headDim
              + " from "
              + offset
              + " need "
              + end);
    }
    return end;
  }

  private static void requireBias(Attention a) {
    if (a.biasOffset < 0 || a.biasSequenceStride < 0 || a.biasHeadStride < 0) {
      throw new IllegalArgumentException("attention: negative offset or stride of bias");
    }
    for (long s = 0; s < a.sequences; s++) {
      long queries =
          a.cuSeqlensQ.getAtIndex(JAVA_INT, s + 1) - a.cuSeqlensQ.getAtIndex(JAVA_INT, s);
      long keys = a.cuSeqlensKv.getAtIndex(JAVA_INT, s + 1) - a.cuSeqlensKv.getAtIndex(JAVA_INT, s);
      if (queries == 0 || keys == 0) {
        continue;
      }
      long last = Math.multiplyExact(queries - 1, a.biasQueryStride);
      long begin = Math.addExact(a.biasOffset, Math.multiplyExact(s, a.biasSequenceStride));
      if (begin + Math.min(last, 0) < 0) {
        throw new IllegalArgumentException(
            "attention: bias of sequence "
                + s
                + " begins "
                + -(begin + last)
                + " before its memory");
      }
      long end = Math.addExact(begin, Math.multiplyExact(a.heads - 1, a.biasHeadStride));
      end = Math.addExact(end, Math.max(last, 0));
      end = Math.addExact(end, keys);
      if (floats(a.bias) < end || !a.bias.isNative()) {
        throw new IllegalArgumentException(
            "attention: bias " + received(a.bias) + ", but sequence " + s + " needs " + end);
      }
    }
  }
}
