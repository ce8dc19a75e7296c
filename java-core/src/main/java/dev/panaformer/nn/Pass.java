package dev.panaformer.nn;

import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.Reused;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * One forward pass. It holds the kernels, the workspace, the batch, the wanted rows and the trace.
 * It is an argument of every layer's {@code forward}.
 *
 * <p>The {@link #wanted} rows are those whose results the caller reads. Every layer but the last
 * computes all rows, because the next layer attends to them. The last layer computes keys and
 * values of all rows, but its result for the wanted rows only. These rows have the same bits as in
 * a pass that computes all rows. A traced pass computes all rows of the last layer too.
 *
 * <p>A tape for gradients does not exist yet. It will be part of the pass too: layers will record
 * their operations on it in the way in which they report to the trace.
 *
 * <p>Each workspace reuses a single instance, so that a pass allocates nothing. {@link #of} resets
 * it. Not thread-safe.
 */
public sealed class Pass permits DecoderPass {
  private static final Reused<Pass> IN_WORKSPACE = Reused.of(Pass::new);

  private final RowSelection all = new RowSelection();
  private final RowSelection first = new RowSelection();
  private Kernels kernels;
  private Workspace workspace;
  private TokenBatch batch;
  private RowSelection wanted;
  private RowSelection rows;
  private Trace trace = Trace.NONE;
  private int layer;

  Pass() {}

  /** A pass that computes the results of all rows of the batch. */
  public static Pass of(Kernels kernels, Workspace workspace, TokenBatch batch, Trace trace) {
    Pass pass = workspace.reused(IN_WORKSPACE);
    pass.begin(kernels, workspace, batch, trace);
    return pass;
  }

  /** A pass that computes the results of some rows of the batch. */
  public static Pass of(
      Kernels kernels, Workspace workspace, TokenBatch batch, RowSelection wanted, Trace trace) {
    Pass pass = of(kernels, workspace, batch, trace);
    pass.want(wanted);
    return pass;
  }

  final void begin(Kernels kernels, Workspace workspace, TokenBatch batch, Trace trace) {
    this.kernels = kernels;
    this.workspace = workspace;
    this.batch = batch;
    this.trace = Objects.requireNonNull(trace);
    all.all(batch);
    wanted = all;
    rows = all;
    layer = 0;
  }

  final void want(RowSelection wanted) {
    this.wanted = wanted.isAll() ? all : wanted;
  }

  /** Limits the wanted rows to the first rows of each sequence, at most {@code count} of each. */
  public Pass wantFirst(int count) {
    want(first.firstOf(batch, count));
    return this;
  }

  public Kernels kernels() {
    return kernels;
  }

  public Workspace workspace() {
    return workspace;
  }

  public TokenBatch batch() {
    return batch;
  }

  /** A buffer of floats in the workspace; see {@link Workspace#floats}. */
  public MemorySegment floats(Buffer buffer, long count) {
    return workspace.floats(buffer, count);
  }

  /** The rows whose results the caller reads. */
  public RowSelection wanted() {
    return wanted;
  }

  /** The rows that the current layer computes. */
  public RowSelection rows() {
    return rows;
  }

  /** The index of the current layer, from 0. */
  public int layer() {
    return layer;
  }

  /** Starts layer {@code layer} of a stack of {@code layers}. Layers count from 0. */
  public void enterLayer(int layer, int layers) {
    this.layer = layer;
    rows = layer + 1 < layers || isTraced() ? all : wanted;
  }

  /** Makes the current layer compute all rows, even if it is the last. */
  void computeAllRows() {
    rows = all;
  }

  /**
   * Moves the {@linkplain #rows rows} of the current layer to the front of a tensor. Does nothing
   * if these are all rows. A layer calls it after the last operation that reads all rows of the
   * tensor.
   *
   * @param x {@code [tokens, width]}
   */
  public void retainRows(MemorySegment x, long width) {
    if (!rows.isAll()) {
      kernels.memory().retainRows(x, width, rows.rows(), workspace);
    }
  }

  /**
   * Moves the wanted rows to the front of a tensor, unless the last layer has done so. A model
   * calls it after the last layer.
   *
   * @param x {@code [rows, width]}; {@code [wanted, width]} afterwards
   */
  public void retainWanted(MemorySegment x, long width) {
    if (rows.isAll()) {
      rows = wanted;
      retainRows(x, width);
    }
  }

  /** Whether a trace receives the intermediate results. */
  public boolean isTraced() {
    return trace != Trace.NONE;
  }

  public Trace trace() {
    return trace;
  }

  /** Reports a tensor {@code [rows, width]} to the trace. */
  public void report(String name, MemorySegment values, long rows, long width) {
    if (isTraced()) {
      trace.accept(name, values, rows, width);
    }
  }

  /** Reports a tensor {@code [rows, width]} to the trace under the name {@code name.index}. */
  public void report(String name, int index, MemorySegment values, long rows, long width) {
    if (isTraced()) {
      trace.accept(name + "." + index, values, rows, width);
    }
  }
}
