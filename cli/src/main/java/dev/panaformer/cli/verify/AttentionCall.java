package dev.panaformer.cli.verify;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;

/**
 * A call of the operator {@code attention}. A case has padded tensors {@code [batch, heads, length,
 * head_dim]} and the number of keys of each sequence. The kernel takes sequences end to end, so
 * each sequence is a call of its own.
 */
final class AttentionCall {
  private final Operands operands;
  private final Kernels kernels;
  private final Workspace workspace;
  private final int batch;
  private final int heads;
  private final int kvHeads;
  private final int queries;
  private final int keys;
  private final int headDim;
  private final MemorySegment q;
  private final MemorySegment k;
  private final MemorySegment v;
  private final MemorySegment bias; // in host memory
  private final long[] biasShape;
  private final long[] kvLengths;
  private final float scale;
  private final boolean causal;
  private final long causalOffset;
  private final MemorySegment y;

  AttentionCall(Operands operands, Kernels kernels, Workspace workspace) {
    this.operands = operands;
    this.kernels = kernels;
    this.workspace = workspace;
    batch = Math.toIntExact(operands.size("q", 0));
    heads = Math.toIntExact(operands.size("q", 1));
    queries = Math.toIntExact(operands.size("q", 2));
    headDim = Math.toIntExact(operands.size("q", 3));
    kvHeads = Math.toIntExact(operands.size("k", 1));
    keys = Math.toIntExact(operands.size("k", 2));
    q = operands.floats("q", batch, heads, queries, headDim);
    k = operands.floats("k", batch, kvHeads, keys, headDim);
    v = operands.floats("v", batch, kvHeads, keys, headDim);
    biasShape = operands.has("bias") ? broadcastShape() : new long[4];
    bias = operands.has("bias") ? operands.hostFloats("bias", biasShape) : MemorySegment.NULL;
    kvLengths = kvLengths();
    operands.expect("layout", "[batch, heads, length, head_dim]");
    scale = (float) operands.number("scale");
    causal = operands.flag("causal");
    causalOffset =
        operands.hasNumber("causal_offset")
            ? (long) operands.number("causal_offset")
            : keys - queries;
    operands.requireAllRead();
    y = operands.allocateFloats((long) batch * heads * queries * headDim);
  }

  /**
   * The shape of the bias. Its first or second dimension may be 1; then all sequences or all heads
   * share the bias.
   */
  private long[] broadcastShape() {
    long[] shape = {operands.size("bias", 0), operands.size("bias", 1), queries, keys};
    if ((shape[0] != 1 && shape[0] != batch) || (shape[1] != 1 && shape[1] != heads)) {
      return new long[] {batch, heads, queries, keys};
    }
    return shape;
  }

  /**
   * The number of keys of each sequence. Without {@code kv_lengths} it is the number of all keys.
   */
  private long[] kvLengths() {
    long[] lengths = new long[batch];
    Arrays.fill(lengths, keys);
    if (operands.has("kv_lengths")) {
      lengths = operands.longs("kv_lengths");
      if (lengths.length != batch || Arrays.stream(lengths).anyMatch(n -> n < 0 || n > keys)) {
        throw new IllegalArgumentException(
            "kv_lengths are "
                + Arrays.toString(lengths)
                + ", expected "
                + batch
                + " of at most "
                + keys);
      }
    }
    return lengths;
  }

  Map<String, MemorySegment> run() {
    for (int s = 0; s < batch; s++) {
      sequence(s);
    }
    return Map.of("y", y);
  }

  private void sequence(int s) {
    long length = kvLengths[s];
    long row = (long) headDim;
    Attention attention =
        new Attention()
            .of(heads, kvHeads, headDim, scale)
            .query(at(q, s, heads, queries), 0, row, queries * row, lengths(queries), queries)
            .keys(
                at(k, s, kvHeads, keys),
                0,
                at(v, s, kvHeads, keys),
                0,
                row,
                keys * row,
                lengths(length),
                length)
            .output(at(y, s, heads, queries), row, queries * row)
            .sequences(1);
    boolean ordinary = causalOffset == length - queries;
    if (causal && ordinary) {
      attention.causal();
    }
    if (causal && !ordinary) {
      attention.bias(futureMasked(s), 0, (long) queries * keys, keys);
    } else if (operands.has("bias")) {
      long headStride = biasShape[1] == 1 ? 0 : (long) queries * keys;
      attention.bias(operands.place(bias.asSlice(biasStart(s) * Float.BYTES)), 0, headStride, keys);
    }
    kernels.attention().attention(attention, workspace);
  }

  /**
   * The bias of a sequence, or 0 if the case has none, with -inf for keys that the causal mask
   * excludes. It is for cases whose causal offset is not that of the kernel.
   */
  private MemorySegment futureMasked(int s) {
    MemorySegment masked =
        operands.hostAllocator().allocate(JAVA_FLOAT, (long) heads * queries * keys);
    for (int h = 0; h < heads; h++) {
      for (int i = 0; i < queries; i++) {
        for (int j = 0; j < keys; j++) {
          long head = biasShape[1] == 1 ? 0 : h;
          float value =
              operands.has("bias")
                  ? bias.getAtIndex(
                      JAVA_FLOAT, biasStart(s) + (head * queries + i) * (long) keys + j)
                  : 0;
          masked.setAtIndex(
              JAVA_FLOAT,
              ((long) h * queries + i) * keys + j,
              j > i + causalOffset ? Float.NEGATIVE_INFINITY : value);
        }
      }
    }
    return operands.place(masked);
  }

  private long biasStart(int s) {
    return (biasShape[0] == 1 ? 0 : s) * biasShape[1] * queries * keys;
  }

  private MemorySegment lengths(long tokens) {
    MemorySegment lengths = operands.hostAllocator().allocate(JAVA_INT, 2);
    lengths.setAtIndex(JAVA_INT, 1, Math.toIntExact(tokens));
    return lengths;
  }

  /** Sequence {@code s} of a tensor {@code [batch, heads, length, headDim]}. */
  private MemorySegment at(MemorySegment tensor, int s, long heads, long length) {
    return tensor.asSlice(s * heads * length * headDim * Float.BYTES);
  }
}
