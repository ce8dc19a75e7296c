package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The memory in which kernels keep their tensors, and Java's access to it. The default methods are
 * for host memory, which Java reads and writes in place. A device overrides all of them.
 */
public interface TensorMemory {
  /** Tensors in host memory. */
  TensorMemory HOST = new TensorMemory() {};

  /**
   * Returns memory for tensors: {@code host} itself, or new memory on the device. In the second
   * case {@code host} is closed. The caller must close the result before the kernels.
   */
  default NativeMemory allocator(NativeMemory host) {
    return host;
  }

  /**
   * Creates a tensor whose contents Java writes.
   *
   * @param memory the {@link #allocator}'s memory, in which the result is allocated
   * @param fill allocates the tensor in the host memory that it is given, writes it and returns it
   */
  default MemorySegment place(
      SegmentAllocator memory, Function<SegmentAllocator, MemorySegment> fill) {
    return fill.apply(memory);
  }

  /**
   * Returns the first {@code floats} elements of a tensor in host memory, and waits until they are
   * computed. The result is the tensor itself, or a copy in the workspace that the next call
   * overwrites.
   */
  default MemorySegment onHost(MemorySegment tensor, long floats, Workspace workspace) {
    return tensor;
  }

  /**
   * Lets Java write the first {@code floats} elements of a tensor: in place, or in host memory that
   * is then copied to the tensor.
   *
   * @param values writes the elements to the segment that it is given
   */
  default void write(
      MemorySegment tensor, long floats, Workspace workspace, Consumer<MemorySegment> values) {
    values.accept(tensor);
  }

  /** Sets {@code floats} elements of a tensor to 0, beginning at {@code fromFloat}. */
  default void clear(MemorySegment tensor, long fromFloat, long floats) {
    tensor.asSlice(fromFloat * Float.BYTES, floats * Float.BYTES).fill((byte) 0);
  }

  /**
   * Copies elements from one tensor to another, or within one tensor if the ranges do not overlap.
   * The source may be in host memory.
   */
  default void copy(
      MemorySegment from, long fromFloat, MemorySegment to, long toFloat, long floats) {
    MemorySegment.copy(
        from, fromFloat * Float.BYTES, to, toFloat * Float.BYTES, floats * Float.BYTES);
  }

  /**
   * Gathers rows of a tensor: {@code y[i] = x[rows[i]]}.
   *
   * @param x {@code [any, width]}
   * @param y {@code [rows.count(), width]}; must not overlap x
   * @throws IndexOutOfBoundsException if x does not have one of the rows
   */
  default void gather(
      MemorySegment x, long width, RowOrder rows, MemorySegment y, Workspace workspace) {
    for (int i = 0; i < rows.count(); i++) {
      copy(x, rows.row(i) * width, y, i * width, width);
    }
  }

  /**
   * Moves the given rows of a tensor to its first rows. The rows must be in ascending order.
   *
   * @param x {@code [any, width]}; input and output
   */
  default void retainRows(MemorySegment x, long width, RowOrder rows, Workspace workspace) {
    MemorySegment y = workspace.floats(Retained.ROWS, rows.count() * width);
    gather(x, width, rows, y, workspace);
    copy(y, 0, x, 0, rows.count() * width);
  }
}
