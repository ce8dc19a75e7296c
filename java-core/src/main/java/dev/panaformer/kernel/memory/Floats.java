package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;

/** Access to float32 tensors in host memory for the kernels in Java, which compute in double. */
public final class Floats {
  private Floats() {}

  public static double get(MemorySegment segment, long index) {
    return segment.getAtIndex(JAVA_FLOAT, index);
  }

  /** Returns the element at an index, or 0 if the tensor is absent. */
  public static double getOrZero(MemorySegment segment, long index) {
    return Arguments.isAbsent(segment) ? 0 : get(segment, index);
  }

  public static void set(MemorySegment segment, long index, double value) {
    segment.setAtIndex(JAVA_FLOAT, index, (float) value);
  }

  /**
   * Returns the dot product of two vectors. It keeps four independent sums so that an addition need
   * not wait for the previous one.
   */
  public static double dot(MemorySegment a, long aStart, MemorySegment b, long bStart, long count) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    long i = 0;
    for (; i + 3 < count; i += 4) {
      sum0 += get(a, aStart + i) * get(b, bStart + i);
      sum1 += get(a, aStart + i + 1) * get(b, bStart + i + 1);
      sum2 += get(a, aStart + i + 2) * get(b, bStart + i + 2);
      sum3 += get(a, aStart + i + 3) * get(b, bStart + i + 3);
    }
    for (; i < count; i++) {
      sum0 += get(a, aStart + i) * get(b, bStart + i);
    }
    return sum0 + sum1 + (sum2 + sum3);
  }
}
