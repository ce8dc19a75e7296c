package dev.panaformer.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * A view of memory with an element type and a shape. The tensor does not own the memory: the arena
 * of the segment determines its lifetime and the threads that may access it. A tensor has no
 * arithmetic.
 *
 * <p>Elements are little-endian and may be unaligned, because files do not guarantee alignment.
 *
 * @param dtype the type of the elements
 * @param shape the size of each dimension; empty for a scalar. Not to be modified.
 * @param strides for each dimension, the distance in elements between neighbours. Not to be
 *     modified.
 * @param data the elements; may be longer than needed
 */
public record Tensor(DType dtype, long[] shape, long[] strides, MemorySegment data) {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final ValueLayout.OfFloat NATIVE_FLOAT = ValueLayout.JAVA_FLOAT;

  /** Sufficient for every vector register and for a cache line. */
  private static final long FLOAT32_ALIGNMENT = 64;

  /**
   * Side of the square tiles in which a transposed view is read, so that source and target stay in
   * the cache.
   */
  private static final int TILE = 32;

  /**
   * @throws IllegalArgumentException if a dimension or stride is negative, or if the data ends
   *     before the last element
   */
  public Tensor {
    if (shape.length != strides.length) {
      throw new IllegalArgumentException(
          shape.length + " dimensions but " + strides.length + " strides");
    }
    long elements = elements(shape);
    long last = 0;
    for (int i = 0; i < shape.length; i++) {
      if (strides[i] < 0) {
        throw new IllegalArgumentException("negative stride in " + Arrays.toString(strides));
      }
      if (elements > 0) {
        last = Math.addExact(last, Math.multiplyExact(shape[i] - 1, strides[i]));
      }
    }
    long needed = elements == 0 ? 0 : Math.multiplyExact(last + 1, (long) dtype.bytes());
    if (data.byteSize() < needed) {
      throw new IllegalArgumentException(
          String.format(
              "%s %s needs %d bytes, given %d", dtype, format(shape), needed, data.byteSize()));
    }
  }

  /** A row-major tensor over {@code data}. */
  public static Tensor of(DType dtype, long[] shape, MemorySegment data) {
    return new Tensor(dtype, shape, rowMajor(shape), data);
  }

  /** A row-major float32 tensor on the heap. */
  public static Tensor ofFloats(float[] values, long... shape) {
    MemorySegment data = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, 4)]);
    MemorySegment.copy(values, 0, data, FLOAT, 0, values.length);
    return exact(of(DType.F32, shape, data), values.length);
  }

  /** A row-major int64 tensor on the heap. */
  public static Tensor ofLongs(long[] values, long... shape) {
    MemorySegment data = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, 8)]);
    MemorySegment.copy(values, 0, data, LONG, 0, values.length);
    return exact(of(DType.I64, shape, data), values.length);
  }

  private static Tensor exact(Tensor tensor, int given) {
    if (tensor.elements() != given) {
      throw new IllegalArgumentException(tensor.shapeString() + " does not hold " + given);
    }
    return tensor;
  }

  /** The strides of a contiguous tensor whose last dimension varies fastest. */
  public static long[] rowMajor(long[] shape) {
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = stride;
      stride = Math.multiplyExact(stride, Math.max(shape[i], 1));
    }
    return strides;
  }

  /**
   * The number of elements of a shape; 1 for the shape of a scalar.
   *
   * @throws IllegalArgumentException if a dimension is negative
   * @throws ArithmeticException if the product exceeds 63 bits
   */
  public static long elements(long[] shape) {
    long elements = 1;
    boolean empty = false;
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException("negative dimension in " + format(shape));
      }
      // A dimension of 0 must not hide an overflow of the others.
      empty |= dimension == 0;
      elements = Math.multiplyExact(elements, Math.max(dimension, 1));
    }
    return empty ? 0 : elements;
  }

  /** A shape as text: {@code [30522, 384]}. */
  public static String format(long[] shape) {
    return Arrays.stream(shape)
        .mapToObj(Long::toString)
        .collect(Collectors.joining(", ", "[", "]"));
  }

  public long elements() {
    return elements(shape);
  }

  public int rank() {
    return shape.length;
  }

  /** The size of the elements in bytes when they are contiguous. */
  public long byteSize() {
    return elements() * dtype.bytes();
  }

  /** The shape as text: {@code [30522, 384]}. */
  public String shapeString() {
    return format(shape);
  }

  /** Whether the elements lie without gaps in row-major order. */
  public boolean isContiguous() {
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      if (shape[i] > 1 && strides[i] != stride) {
        return false;
      }
      stride *= Math.max(shape[i], 1);
    }
    return true;
  }

  /** A view of the same memory with two dimensions exchanged. Nothing is copied. */
  public Tensor transpose(int first, int second) {
    long[] newShape = shape.clone();
    long[] newStrides = strides.clone();
    newShape[first] = shape[second];
    newShape[second] = shape[first];
    newStrides[first] = strides[second];
    newStrides[second] = strides[first];
    return new Tensor(dtype, newShape, newStrides, data);
  }

  /**
   * Converts the elements to contiguous float32 in native byte order.
   *
   * @param allocator allocates the result, aligned to 64 bytes, and determines its lifetime
   * @throws IllegalArgumentException if the elements are integers
   */
  public MemorySegment toFloat32(SegmentAllocator allocator) {
    MemorySegment target =
        allocator.allocate(Math.multiplyExact(elements(), 4L), FLOAT32_ALIGNMENT);
    copyFloat32To(target);
    return target;
  }

  /**
   * Writes the elements as contiguous float32 in native byte order.
   *
   * @param target at least 4 bytes an element
   * @throws IllegalArgumentException if the elements are integers, or the target is too small
   */
  public void copyFloat32To(MemorySegment target) {
    checkRoom(target, 4);
    switch (dtype) {
      case F32 -> {
        if (isContiguous()) {
          MemorySegment.copy(data, FLOAT, 0, target, NATIVE_FLOAT, 0, elements());
        } else {
          forEach((from, to) -> target.setAtIndex(NATIVE_FLOAT, to, data.get(FLOAT, from * 4)));
        }
      }
      case F16 ->
          forEach((from, to) ->
              target.setAtIndex(NATIVE_FLOAT, to, Float.float16ToFloat(data.get(SHORT, from * 2))));
      case BF16 ->
          forEach((from, to) ->
              target.setAtIndex(
                  NATIVE_FLOAT, to, Float.intBitsToFloat(data.get(SHORT, from * 2) << 16)));
      case I64, I32, U8 -> throw new IllegalArgumentException(dtype + " where floats are expected");
    }
  }

  /**
   * Writes the elements contiguously, without conversion.
   *
   * @param target at least {@link #byteSize} bytes
   * @throws IllegalArgumentException if the target is too small
   */
  public void copyTo(MemorySegment target) {
    checkRoom(target, dtype.bytes());
    if (isContiguous()) {
      MemorySegment.copy(data, 0, target, 0, byteSize());
      return;
    }
    switch (dtype.bytes()) {
      case 1 -> forEach((from, to) -> target.set(JAVA_BYTE, to, data.get(JAVA_BYTE, from)));
      case 2 -> forEach((from, to) -> target.set(SHORT, to * 2, data.get(SHORT, from * 2)));
      case 4 -> forEach((from, to) -> target.set(INT, to * 4, data.get(INT, from * 4)));
      default -> forEach((from, to) -> target.set(LONG, to * 8, data.get(LONG, from * 8)));
    }
  }

  private void checkRoom(MemorySegment target, int bytes) {
    long needed = Math.multiplyExact(elements(), (long) bytes);
    if (target.byteSize() < needed) {
      throw new IllegalArgumentException(
          String.format(
              "%s needs %d bytes, the target has %d", shapeString(), needed, target.byteSize()));
    }
  }

  private interface Move {
    void element(long from, long to);
  }

  /** Visits every element with its index in the data and its index in row-major order. */
  private void forEach(Move move) {
    if (rank() == 2) {
      forEachTiled(move);
    } else if (elements() > 0) {
      forEach(0, 0, 0, move);
    }
  }

  private void forEachTiled(Move move) {
    for (long row = 0; row < shape[0]; row += TILE) {
      long rowEnd = Math.min(row + TILE, shape[0]);
      for (long column = 0; column < shape[1]; column += TILE) {
        long columnEnd = Math.min(column + TILE, shape[1]);
        for (long r = row; r < rowEnd; r++) {
          for (long c = column; c < columnEnd; c++) {
            move.element(r * strides[0] + c * strides[1], r * shape[1] + c);
          }
        }
      }
    }
  }

  private long forEach(int dimension, long from, long to, Move move) {
    if (dimension == rank()) {
      move.element(from, to);
      return to + 1;
    }
    long next = to;
    for (long i = 0; i < shape[dimension]; i++) {
      next = forEach(dimension + 1, from + i * strides[dimension], next, move);
    }
    return next;
  }

  /**
   * The elements as float32 in row-major order.
   *
   * @throws IllegalArgumentException if the elements are integers
   */
  public float[] toFloats() {
    float[] values = new float[Math.toIntExact(elements())];
    copyFloat32To(MemorySegment.ofArray(values));
    return values;
  }

  /**
   * The elements of an integer tensor in row-major order.
   *
   * @throws IllegalArgumentException if the elements are not integers, or not contiguous
   */
  public long[] toLongs() {
    if (dtype != DType.I64 && dtype != DType.I32) {
      throw new IllegalArgumentException(dtype + " where integers are expected");
    }
    if (!isContiguous()) {
      throw new IllegalArgumentException("integers with strides " + Arrays.toString(strides));
    }
    long[] values = new long[Math.toIntExact(elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = dtype == DType.I64 ? data.get(LONG, i * 8L) : data.get(INT, i * 4L);
    }
    return values;
  }

  @Override
  public String toString() {
    return dtype + " " + shapeString();
  }
}
