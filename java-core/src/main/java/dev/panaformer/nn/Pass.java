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
 * One forward pass: the kernels that compute it, the workspace that it writes, its batch, the rows
 * whose results are wanted, and its trace. Every layer sees it.
 *
 * <p>All layers compute all rows, but nobody reads those of the last layer that are not wanted. So
 * its rows have keys and values, and the rest is computed for the {@link #wanted} rows alone, which
 * get the same bits. A traced pass computes all rows of the last layer too.
 *
 * <p>A tape for gradients will be a part of the pass as well: layers would record on it what they
 * compute, as they report to the trace now. There is none yet.
 *
 * <p>Every workspace reuses one, so that a pass allocates nothing; {@link #of} starts over. Not
 * thread-safe.
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

  /** A pass whose results are wanted for all rows of the batch. */
  public static Pass of(Kernels kernels, Workspace workspace, TokenBatch batch, Trace trace) {
    Pass pass = workspace.reused(IN_WORKSPACE);
    pass.begin(kernels, workspace, batch, trace);
    return pass;
  }

  /** A pass whose results are wanted for some rows of the batch. */
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

  /** Wants the first rows of each sequence only, at most {@code count} of each. */
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

  /** Room for floats in the workspace; see {@link Workspace#floats}. */
  public MemorySegment floats(Buffer buffer, long count) {
    return workspace.floats(buffer, count);
  }

  /** The rows whose results are wanted. */
  public RowSelection wanted() {
    return wanted;
  }

  /** The rows that the current layer computes. */
  public RowSelection rows() {
    return rows;
  }

  /** The number of the current layer, from 0. */
  public int layer() {
    return layer;
  }

  /** Goes to a layer of a stack of so many. */
  public void enterLayer(int layer, int layers) {
    this.layer = layer;
    rows = layer + 1 < layers || isTraced() ? all : wanted;
  }

  /** Lets the current layer compute all rows. */
  void computeAllRows() {
    rows = all;
  }

  /**
   * After what reads all rows of a tensor: moves the rows that the current layer computes to its
   * front, unless these are all.
   *
   * @param x {@code [tokens, width]}
   */
  public void retainRows(MemorySegment x, long width) {
    if (!rows.isAll()) {
      kernels.memory().retainRows(x, width, rows.rows(), workspace);
    }
  }

  /**
   * After the last layer: moves the wanted rows to the front, unless the layer did.
   *
   * @param x {@code [rows, width]}; {@code [wanted, width]} afterwards
   */
  public void retainWanted(MemorySegment x, long width) {
    if (rows.isAll()) {
      rows = wanted;
      retainRows(x, width);
    }
  }

  /** Whether there is a trace that wants the intermediate results. */
  public boolean isTraced() {
    return trace != Trace.NONE;
  }

  public Trace trace() {
    return trace;
  }

  /** Tells the trace a tensor {@code [rows, width]}. */
  public void report(String name, MemorySegment values, long rows, long width) {
    if (isTraced()) {
      trace.accept(name, values, rows, width);
    }
  }

  /** Tells the trace the tensor {@code [rows, width]} that is called {@code name.index}. */
  public void report(String name, int index, MemorySegment values, long rows, long width) {
    if (isTraced()) {
      trace.accept(name + "." + index, values, rows, width);
    }
  }
}
