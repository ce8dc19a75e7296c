package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.Workspace.Buffer;
import java.lang.foreign.MemorySegment;

/**
 * Attention of a window around each token and of global tokens (Beltagy et al. 2020, section 3.1).
 * A token sees its window and the global tokens by one projection; what global tokens see, which is
 * all of their sequence, they see by another.
 *
 * <p>Global tokens are few as a rule, too few to project all other tokens for them: {@code q · (Wk
 * x) = (Wkᵀ q) · x}, and {@code Σ p (Wv x) = Wv Σ p x}. So the hidden states themselves are keys
 * and values of queries that were brought to their space, one for each head, and what these mix
 * goes through the projection of values. For up to {@link #few} tokens of a sequence that is less
 * work.
 *
 * @param local over windows and global tokens
 * @param globalQuery {@code [heads * headDim, hidden]}
 * @param globalKeyTransposed {@code [hidden, heads * headDim]}, without the bias, which adds the
 *     same to all scores of a query
 * @param globalKey {@code [heads * headDim, hidden]}
 * @param globalValue {@code [heads * headDim, hidden]}
 * @param fewLists the number of the lists of keys for global tokens of sequences with few of them,
 *     a query for each head of a token
 * @param manyLists the number of those for global tokens of other sequences
 */
public record LongformerAttention(
    SparseAttention local,
    Linear globalQuery,
    Linear globalKeyTransposed,
    Linear globalKey,
    Linear globalValue,
    int fewLists,
    int manyLists)
    implements EncoderAttention {

  /** Up to how many global tokens of a sequence are few. */
  public static int few(int headDim) {
    return headDim;
  }

  @Override
  public Linear output() {
    return local.output();
  }

  @Override
  public void add(
      Kernels kernels, MemorySegment in, MemorySegment x, TokenBatch batch, Workspace workspace) {
    MemorySegment context = local.attend(kernels, in, batch, workspace);
    if (batch.keyLists(fewLists).queries() > 0) {
      mixHiddenStates(kernels, in, context, batch, workspace);
    }
    if (batch.keyLists(manyLists).queries() > 0) {
      mixValues(kernels, in, context, batch, workspace);
    }
    output().add(kernels, context, x, batch.tokens());
  }

  /** Replaces the rows of global tokens by what they see of the hidden states. */
  private void mixHiddenStates(
      Kernels kernels,
      MemorySegment in,
      MemorySegment context,
      TokenBatch batch,
      Workspace workspace) {
    KeyLists lists = batch.keyLists(fewLists);
    long headDim = local.headDim();
    long width = globalQuery.out();
    long hidden = globalQuery.in();
    int rows = lists.queries();
    MemorySegment q = globalQueries(kernels, in, lists, workspace);
    // A row a head, with zeros for the others. The local projections are not needed any more.
    MemorySegment apart = workspace.floats(Buffer.QKV, rows * Math.max(width, hidden));
    kernels.memory().clear(apart, 0, rows * width);
    for (int row = 0; row < rows; row++) {
      long head = row % local.heads() * headDim;
      kernels
          .memory()
          .copy(q, row / local.heads() * width + head, apart, row * width + head, headDim);
    }
    MemorySegment brought = workspace.floats(Buffer.POOLED, rows * Math.max(width, hidden));
    globalKeyTransposed.forward(kernels, apart, brought, rows);
    Attention attention =
        Attention.in(workspace)
            .of(1, 1, hidden, local.scale())
            .query(brought, 0, hidden, hidden, MemorySegment.NULL, rows)
            .keys(in, 0, in, 0, hidden, hidden, MemorySegment.NULL, batch.tokens())
            .output(apart, hidden, hidden);
    kernels.attention().sparseAttention(attention, lists, workspace);
    globalValue.forward(kernels, apart, brought, rows);
    for (int row = 0; row < rows; row++) {
      long head = row % local.heads() * headDim;
      long to = lists.row(row / local.heads()) * width + head;
      kernels.memory().copy(brought, row * width + head, context, to, headDim);
    }
  }

  /** Replaces the rows of global tokens by what they see of the values of all tokens. */
  private void mixValues(
      Kernels kernels,
      MemorySegment in,
      MemorySegment context,
      TokenBatch batch,
      Workspace workspace) {
    KeyLists lists = batch.keyLists(manyLists);
    int tokens = batch.tokens();
    int headDim = local.headDim();
    long width = globalQuery.out();
    MemorySegment q = globalQueries(kernels, in, lists, workspace);
    MemorySegment keys = workspace.floats(Buffer.QKV, tokens * width);
    MemorySegment values = workspace.floats(Buffer.LOGITS, tokens * width);
    globalKey.forward(kernels, in, keys, tokens);
    globalValue.forward(kernels, in, values, tokens);
    MemorySegment y = workspace.floats(Buffer.POOLED, lists.queries() * width);
    Attention attention =
        Attention.in(workspace)
            .of(local.heads(), local.heads(), headDim, local.scale())
            .query(q, 0, width, headDim, MemorySegment.NULL, lists.queries())
            .keys(keys, 0, values, 0, width, headDim, MemorySegment.NULL, tokens)
            .output(y, width, headDim);
    kernels.attention().sparseAttention(attention, lists, workspace);
    for (int i = 0; i < lists.rows(); i++) {
      kernels.memory().copy(y, i * width, context, lists.row(i) * width, width);
    }
  }

  /** The queries of the tokens that the lists name. */
  private MemorySegment globalQueries(
      Kernels kernels, MemorySegment in, KeyLists lists, Workspace workspace) {
    int count = lists.rows();
    long hidden = globalQuery.in();
    MemorySegment rows = workspace.floats(Buffer.POOLED, count * hidden);
    for (int i = 0; i < count; i++) {
      kernels.memory().copy(in, lists.row(i) * hidden, rows, i * hidden, hidden);
    }
    MemorySegment q = workspace.floats(Buffer.HEAD, count * globalQuery.out());
    globalQuery.forward(kernels, rows, q, count);
    return q;
  }
}
