package dev.panaformer.cli.verify;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;

/**
 * The operator {@code attention}. A case has padded tensors {@code [batch, heads, length,
 * head_dim]} and the number of keys of each sequence; the kernel gets sequences end to end.
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
  private final MemorySegment bias;
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
    bias = operands.optionalFloats("bias", biasShape);
    kvLengths = kvLengths();
    operands.expect("layout", "[batch, heads, length, head_dim]");
    scale = (float) operands.number("scale");
    causal = operands.flag("causal");
    causalOffset = operands.hasNumber("causal_offset") ? (long) operands.number("causal_offset") : keys - queries;
    operands.requireAllRead();
    y = operands.allocateFloats((long) batch * heads * queries * headDim);
  }

  /** One dimension of a bias may be 1, to be shared by all of its batch or heads. */
  private long[] broadcastShape() {
    long[] shape = {operands.size("bias", 0), operands.size("bias", 1), queries, keys};
    if ((shape[0] != 1 && shape[0] != batch) || (shape[1] != 1 && shape[1] != heads)) {
      return new long[] {batch, heads, queries, keys};
    }
    return shape;
  }
}
