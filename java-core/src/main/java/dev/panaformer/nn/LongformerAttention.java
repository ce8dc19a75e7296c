package dev.panaformer.nn;

import dev.panaformer.kernel.attention.Attention;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.KeyLists;
import dev.panaformer.kernel.memory.TensorMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import java.lang.foreign.MemorySegment;

/**
 * Attention of Longformer: windows and global tokens (Beltagy et al. 2020, section 3.1). Every
 * token attends to a window around it and to the global tokens. A global token attends to all
 * tokens of its sequence, with projections of its own.
 *
 * <p>A sequence usually has few global tokens. It would be wasteful to compute the global keys and
 * values of all other tokens for them. Since {@code q · (Wk x) = (Wkᵀ q) · x} and {@code Σ p (Wv x)
 * = Wv Σ p x}, the hidden states can serve as keys and values instead. The query of each head is
 * multiplied by {@code Wkᵀ} before attention, and its result by {@code Wv} after it. This is less
 * work for up to {@link #few} global tokens of a sequence.
 *
 * @param local the attention to windows and to global tokens
 * @param globalQuery {@code [heads * headDim, hidden]}
 * @param globalKeyTransposed {@code [hidden, heads * headDim]}, without the bias. The bias would
 *     add the same value to all scores of a query, and softmax cancels it
 * @param globalKey {@code [heads * headDim, hidden]}
 * @param globalValue {@code [heads * headDim, hidden]}
 * @param fewLists the index of the key lists for sequences with few global tokens; these have one
 *     query for each head of a global token
 * @param manyLists the index of the key lists for sequences with many global tokens
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
  private static final Buffer GLOBAL_ROWS = Buffer.named("hidden states of global tokens");
  private static final Buffer GLOBAL_QUERIES = Buffer.named("queries of global tokens");
  private static final Buffer GLOBAL_KEYS = Buffer.named("keys for global tokens");
  private static final Buffer GLOBAL_VALUES = Buffer.named("values for global tokens");
  private static final Buffer SINGLE_HEADS = Buffer.named("queries of single heads");
  private static final Buffer HIDDEN_QUERIES = Buffer.named("queries to hidden states");
  private static final Buffer MIXED_HIDDEN =
      Buffer.named("weighted sums of hidden states for global tokens");
  private static final Buffer MIXED = Buffer.named("weighted sums of values for global tokens");

  /**
   * The largest number of global tokens of a sequence for which hidden states serve as keys and
   * values.
   */
  public static int few(int headDim) {
    return headDim;
  }

  @Override
  public Linear output() {
    return local.output();
  }

  @Override
  public void add(Pass pass, MemorySegment in, MemorySegment x) {
    TokenBatch batch = pass.batch();
    MemorySegment context = local.attend(pass, in);
    if (batch.keyLists(fewLists).queries() > 0) {
      mixHiddenStates(pass, in, context);
    }
    if (batch.keyLists(manyLists).queries() > 0) {
      mixValues(pass, in, context);
    }
    output().add(pass, context, x, batch.tokens());
    pass.retainRows(x, output().out());
  }

  /**
   * Overwrites the rows of global tokens in {@code context}, for sequences with few of them. Hidden
   * states serve as keys and values.
   */
  private void mixHiddenStates(Pass pass, MemorySegment in, MemorySegment context) {
    TensorMemory memory = pass.kernels().memory();
    KeyLists lists = pass.batch().keyLists(fewLists);
    long headDim = local.headDim();
    long width = globalQuery.out();
    long hidden = globalQuery.in();
    int rows = lists.queries();
    MemorySegment q = globalQueries(pass, in, lists);
    // Each head gets a row of its own, which is zero in the features of the other heads.
    MemorySegment apart = pass.floats(SINGLE_HEADS, rows * width);
    memory.clear(apart, 0, rows * width);
    for (int row = 0; row < rows; row++) {
      long head = row % local.heads() * headDim;
      memory.copy(q, row / local.heads() * width + head, apart, row * width + head, headDim);
    }
    MemorySegment brought = pass.floats(HIDDEN_QUERIES, rows * hidden);
    globalKeyTransposed.forward(pass, apart, brought, rows);
    MemorySegment mixed = pass.floats(MIXED_HIDDEN, rows * hidden);
    Attention attention =
        Attention.in(pass.workspace())
            .of(1, 1, hidden, local.scale())
            .query(brought, 0, hidden, hidden, MemorySegment.NULL, rows)
            .keys(in, 0, in, 0, hidden, hidden, MemorySegment.NULL, pass.batch().tokens())
            .output(mixed, hidden, hidden);
    pass.kernels().attention().sparseAttention(attention, lists, pass.workspace());
    MemorySegment values = pass.floats(MIXED, rows * width);
    globalValue.forward(pass, mixed, values, rows);
    for (int row = 0; row < rows; row++) {
      long head = row % local.heads() * headDim;
      long to = lists.row(row / local.heads()) * width + head;
      memory.copy(values, row * width + head, context, to, headDim);
    }
  }

  /**
   * Overwrites the rows of global tokens in {@code context}, for sequences with many of them. Keys
   * and values of all tokens are computed.
   */
  private void mixValues(Pass pass, MemorySegment in, MemorySegment context) {
    KeyLists lists = pass.batch().keyLists(manyLists);
    int tokens = pass.batch().tokens();
    int headDim = local.headDim();
    long width = globalQuery.out();
    MemorySegment q = globalQueries(pass, in, lists);
    MemorySegment keys = pass.floats(GLOBAL_KEYS, tokens * width);
    MemorySegment values = pass.floats(GLOBAL_VALUES, tokens * width);
    globalKey.forward(pass, in, keys, tokens);
    globalValue.forward(pass, in, values, tokens);
    MemorySegment y = pass.floats(MIXED, lists.queries() * width);
    Attention attention =
        Attention.in(pass.workspace())
            .of(local.heads(), local.heads(), headDim, local.scale())
            .query(q, 0, width, headDim, MemorySegment.NULL, lists.queries())
            .keys(keys, 0, values, 0, width, headDim, MemorySegment.NULL, tokens)
            .output(y, width, headDim);
    pass.kernels().attention().sparseAttention(attention, lists, pass.workspace());
    for (int i = 0; i < lists.rows(); i++) {
      pass.kernels().memory().copy(y, i * width, context, lists.row(i) * width, width);
    }
  }

  /** The global queries of the tokens in the lists. */
  private MemorySegment globalQueries(Pass pass, MemorySegment in, KeyLists lists) {
    int count = lists.rows();
    long hidden = globalQuery.in();
    MemorySegment rows = pass.floats(GLOBAL_ROWS, count * hidden);
    for (int i = 0; i < count; i++) {
      pass.kernels().memory().copy(in, lists.row(i) * hidden, rows, i * hidden, hidden);
    }
    MemorySegment q = pass.floats(GLOBAL_QUERIES, count * globalQuery.out());
    globalQuery.forward(pass, rows, q, count);
    return q;
  }
}
