package dev.panaformer.kernel.decoding;

import static dev.panaformer.kernel.memory.Arguments.floats;
import static dev.panaformer.kernel.memory.Arguments.requireDisjoint;
import static dev.panaformer.kernel.memory.Arguments.requireFloats;
import static dev.panaformer.kernel.memory.Arguments.requireFloatsOrAbsent;
import static dev.panaformer.kernel.memory.Arguments.requireRows;
import static dev.panaformer.kernel.memory.Arguments.requireSize;

import dev.panaformer.kernel.linear.LinearWeights;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** Argument checks of {@link DecodingKernels}. */
final class DecodingArguments {
  private DecodingArguments() {}

  static void kvStore(
      MemorySegment qkv, long keys, long tokenStride, DecoderBatch batch, KvCache.Layer layer) {
    long width = 2L * layer.kvHeads() * layer.headDim();
    if (keys < 0) {
      throw new IllegalArgumentException("kvStore: keys begin at " + keys);
    }
    requireRows("kvStore", qkv, batch.tokens().tokens(), tokenStride, keys + width);
  }

  static void pagedAttention(CachedAttention a) {
    if (a.queries.lengths().sequences() != a.batch.sequences()) {
      throw new IllegalArgumentException(
          String.format(
              "pagedAttention: queries of %d sequences, expected %d",
              a.queries.lengths().sequences(), a.batch.sequences()));
    }
    requireSize("pagedAttention", "window", a.window, 0);
    requireSize("pagedAttention", "distances", a.bias.distances(), 0);
    if (a.bias.distances() > 0) {
      requireFloats("pagedAttention", "bias", a.bias.table(), a.heads, a.bias.distances());
    }
    requireTensors("pagedAttention", a);
  }

  static void crossAttention(CachedAttention a) {
    if (!a.batch.hasSources()) {
      throw new IllegalArgumentException(
          "crossAttention: a batch of sequences of which not all have a source");
    }
    if (!a.queries.isAll()
        || a.window != 0
        || a.bias.distances() > 0
        || a.tokenStride != a.heads * a.layer.headDim()) {
      throw new IllegalArgumentException(
          "crossAttention: is over all tokens, without window, bias or space between queries");
    }
    requireTensors("crossAttention", a);
  }

  private static void requireTensors(String kernel, CachedAttention a) {
    int kvHeads = a.layer.kvHeads();
    requireSize(kernel, "heads", a.heads, 1);
    if (a.heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          kernel + ": " + kvHeads + " kvHeads do not divide " + a.heads + " heads");
    }
    long tokens = a.queries.count();
    long width = a.heads * a.layer.headDim();
    requireRows(kernel, a.q, tokens, a.tokenStride, width);
    requireFloats(kernel, "y", a.y, tokens, width);
    requireDisjoint(kernel, a.y, tokens * width, "q", a.q, floats(a.q));
  }

  static void topK(
      MemorySegment logits, MemorySegment inverseTemperatures, TopK best, long rows, long columns) {
    requireFloats("topK", "logits", logits, rows, columns);
    requireTopK("topK", inverseTemperatures, best, rows, columns);
  }

  static void linearTopK(
      MemorySegment x,
      LinearWeights head,
      MemorySegment inverseTemperatures,
      TopK best,
      long rows) {
    requireFloats("linearTopK", "x", x, rows, head.in());
    requireFloatsOrAbsent("linearTopK", "bias", head.bias(), 1, head.out());
    requireTopK("linearTopK", inverseTemperatures, best, rows, head.out());
  }

  static void linearBest(
      MemorySegment x, LinearWeights head, Optional<Screen> screen, TopK best, long rows) {
    requireFloats("linearBest", "x", x, rows, head.in());
    requireFloatsOrAbsent("linearBest", "bias", head.bias(), 1, head.out());
    if (screen.isPresent()) {
      Screen s = screen.get();
      if (s.out() != head.out() || s.in() != head.in()) {
        throw new IllegalArgumentException(
            String.format(
                "linearBest: a screen of a weight [%d, %d], expected one of %s [%d, %d]",
                s.out(), s.in(), head.weight().name(), head.out(), head.in()));
      }
    }
    requireBest("linearBest", best, rows, head.out());
  }

  private static void requireTopK(
      String kernel, MemorySegment inverseTemperatures, TopK best, long rows, long columns) {
    requireBest(kernel, best, rows, columns);
    requireFloats(kernel, "inverseTemperatures", inverseTemperatures, 1, rows);
    requireFloats(kernel, "logSumExp", best.logSumExp(), 1, rows);
    for (long row = 0; row < rows; row++) {
      float value = inverseTemperatures.getAtIndex(ValueLayout.JAVA_FLOAT, row);
      if (!(value > 0 && value < Float.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            kernel + ": inverse temperature " + row + " is " + value + ", not above 0");
      }
    }
  }

  private static void requireBest(String kernel, TopK best, long rows, long columns) {
    long count = best.count();
    requireSize(kernel, "rows", rows, 0);
    requireSize(kernel, "columns", columns, 1);
    if (count < 1 || count > columns) {
      throw new IllegalArgumentException(
          kernel + ": count is " + count + ", not in 1 to " + columns);
    }
    requireFloats(kernel, "values", best.values(), rows, count);
    requireFloats(kernel, "ids", best.ids(), rows, count);
  }
}
