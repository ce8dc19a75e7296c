package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.kernel.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Attention of a window around each token and of global tokens (Beltagy et al. 2020, section 3.1).
 * A token sees its window and the global tokens by one projection; what global tokens see, which is
 * all of their sequence, they see by another.
 *
 * @param local over windows and global tokens
 * @param globalQuery {@code [heads * headDim, hidden]}, of the global tokens alone
 * @param globalKeysAndValues {@code [2 * heads * headDim, hidden]}, of all tokens
 */
public record LongformerAttention(
    SparseAttention local, Linear globalQuery, Linear globalKeysAndValues)
    implements EncoderAttention {

  @Override
  public Linear output() {
    return local.output();
  }

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    MemorySegment context = local.attend(kernels, in, batch, workspace);
    if (batch.globalTokens() > 0) {
      attendGlobally(kernels, in, context, batch, workspace);
    }
    output().add(kernels, context, x, batch.tokens());
  }

  /** Replaces the rows of global tokens. */
  private void attendGlobally(
      Kernels kernels,
      MemorySegment in,
      MemorySegment context,
      TokenBatch batch,
      Workspace workspace) {
    int tokens = batch.tokens();
    int globals = batch.globalTokens();
    long width = globalQuery.out();
    MemorySegment rows =
        workspace.floats(Buffer.POOLED, globals * Math.max(globalQuery.in(), width));
    MemorySegment q = workspace.floats(Buffer.HEAD, globals * width);
    // The local projections are not needed any more.
    MemorySegment kv = workspace.floats(Buffer.QKV, tokens * globalKeysAndValues.out());
    for (int i = 0; i < globals; i++) {
      kernels.copy(
          in, batch.globalRow(i) * globalQuery.in(), rows, i * globalQuery.in(), globalQuery.in());
    }
    globalQuery.forward(kernels, rows, q, globals);
    globalKeysAndValues.forward(kernels, in, kv, tokens);
    kernels.attention(
        workspace
            .attention()
            .of(local.heads(), local.heads(), local.headDim(), local.scale())
            .query(q, 0, width, local.headDim(), batch.cuGlobals(), globals)
            .keys(kv, 0, kv, width, 2 * width, local.headDim(), batch.cuSeqlens(), tokens)
            .output(rows, width, local.headDim())
            .sequences(batch.sequences()),
        workspace);
    for (int i = 0; i < globals; i++) {
      kernels.copy(rows, i * width, context, batch.globalRow(i) * width, width);
    }
  }
}
