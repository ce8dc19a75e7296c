package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;

/**
 * Argument checks that all families of kernels share. A failed check throws an {@link
 * IllegalArgumentException} that names the kernel, the argument, the expected and the received
 * size. Checks allocate nothing unless they fail.
 */
public final class Arguments {
  private Arguments() {}

  /** Returns whether a tensor is {@link MemorySegment#NULL}. */
  public static boolean isAbsent(MemorySegment segment) {
    return segment.address() == 0 && segment.byteSize() == 0;
  }

  /** Checks that a size is from {@code min} to {@link Limits#MAX_DIMENSION}. */
  public static void requireSize(String kernel, String name, long size, long min) {
    if (size < min || size > Limits.MAX_DIMENSION) {
      throw new IllegalArgumentException(
          kernel + ": " + name + " is " + size + ", not in " + min + " to " + Limits.MAX_DIMENSION);
    }
  }

  /** Does {@link #requireFloats} unless the tensor is absent. */
  public static void requireFloatsOrAbsent(
      String kernel, String name, MemorySegment segment, long rows, long columns) {
    if (!isAbsent(segment)) {
      requireFloats(kernel, name, segment, rows, columns);
    }
  }

  /** Checks that a tensor is off-heap and has at least {@code rows * columns} floats. */
  public static void requireFloats(
      String kernel, String name, MemorySegment segment, long rows, long columns) {
    // No overflow: both factors are below 2^31, or one of them is 1.
    if (floats(segment) < rows * columns || !segment.isNative()) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + name
              + " "
              + received(segment)
              + ", but ["
              + rows
              + ", "
              + columns
              + "] float32 needs "
              + rows * columns);
    }
  }

  /** Returns the size of a tensor as text for messages. */
  public static String received(MemorySegment segment) {
    return segment.isNative() ? "has " + floats(segment) + " floats" : "is on the heap";
  }

  /** Returns the number of floats in a segment. */
  public static long floats(MemorySegment segment) {
    return segment.byteSize() / Float.BYTES;
  }

  /** Checks that output {@code y} does not overlap an input. */
  public static void requireDisjoint(
      String kernel,
      MemorySegment y,
      long yFloats,
      String name,
      MemorySegment input,
      long inputFloats) {
    long yEnd = y.address() + yFloats * Float.BYTES;
    long inputEnd = input.address() + inputFloats * Float.BYTES;
    if (y.address() < inputEnd && input.address() < yEnd) {
      throw new IllegalArgumentException(kernel + ": y overlaps " + name);
    }
  }

  /** Checks that every token of a batch belongs to a sequence. */
  public static void requireComplete(String kernel, TokenBatch batch) {
    if (batch.start(batch.sequences()) != batch.tokens()) {
      throw new IllegalArgumentException(
          kernel
              + ": the last "
              + (batch.tokens() - batch.start(batch.sequences()))
              + " tokens of the batch belong to no sequence");
    }
  }

  /**
   * Checks that a tensor has {@code rows} rows of {@code width} floats that begin {@code stride}
   * floats apart.
   */
  public static void requireRows(
      String kernel, MemorySegment x, long rows, long stride, long width) {
    if (stride < width) {
      throw new IllegalArgumentException(
          kernel + ": rows of " + width + " floats, " + stride + " apart");
    }
    if (rows > 0 && (floats(x) < (rows - 1) * stride + width || !x.isNative())) {
      throw new IllegalArgumentException(
          kernel
              + ": x "
              + received(x)
              + ", but "
              + rows
              + " rows need "
              + ((rows - 1) * stride + width));
    }
  }
}
