package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Where the tensors of kernels lie, and how Java reaches them. The defaults are those of host
 * memory, which Java reads and writes in place; a device overrides all of them.
 */
public interface TensorMemory {
  /** Host memory. */
  TensorMemory HOST = new TensorMemory() {};

  /**
   * Memory for tensors: {@code host} itself, or memory of the device in its place. In the second
   * case {@code host} is closed. The memory is closed before the kernels are.
   */
  default NativeMemory allocator(NativeMemory host) {
    return host;
  }

  /**
   * Makes a tensor that Java writes.
   *
   * @param memory of {@link #allocator}, in which the result lies
   * @param fill gets an allocator of host memory and returns the tensor in it, written
   */
  default MemorySegment place(
      SegmentAllocator memory, Function<SegmentAllocator, MemorySegment> fill) {
    return fill.apply(memory);
  }

  /**
   * The first elements of a tensor in host memory, once they are computed: the tensor itself, or a
   * copy that stays until the workspace's next one.
   */
  default MemorySegment onHost(MemorySegment tensor, long floats, Workspace workspace) {
    return tensor;
  }

  /**
   * Lets Java write the first elements of a tensor: in place, or into host memory that is copied to
   * the tensor afterwards.
   *
   * @param values is given room for so many floats
   */
  default void write(
      MemorySegment tensor, long floats, Workspace workspace, Consumer<MemorySegment> values) {
    values.accept(tensor);
  }

  /** Sets floats of a tensor to 0. */
  default void clear(MemorySegment tensor, long fromFloat, long floats) {
    tensor.asSlice(fromFloat * Float.BYTES, floats * Float.BYTES).fill((byte) 0);
  }

  /**
   * Copies floats from one tensor to another, or within one without overlap. The source may lie in
   * host memory.
   */
  default void copy(
      MemorySegment from, long fromFloat, MemorySegment to, long toFloat, long floats) {
    MemorySegment.copy(
        from, fromFloat * Float.BYTES, to, toFloat * Float.BYTES, floats * Float.BYTES);
  }

  /**
   * Copies rows of a tensor: {@code y[i] = x[rows[i]]}.
   *
   * @param x {@code [any, width]}
   * @param y {@code [rows, width]}; does not overlap x
   * @throws IndexOutOfBoundsException if x has not all of the rows
   */
  default void gather(
      MemorySegment x, long width, RowOrder rows, MemorySegment y, Workspace workspace) {
    for (int i = 0; i < rows.count(); i++) {
      copy(x, rows.row(i) * width, y, i * width, width);
    }
  }

  /** {@link #gather Gathers} rows of a tensor into its first rows; they ascend. */
  default void retainRows(MemorySegment x, long width, RowOrder rows, Workspace workspace) {
    MemorySegment y = workspace.floats(Retained.ROWS, rows.count() * width);
    gather(x, width, rows, y, workspace);
    copy(y, 0, x, 0, rows.count() * width);
  }
}
