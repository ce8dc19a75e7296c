package dev.panaformer.kernel.linear;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Packs the weights of linear layers into the layouts that kernels read. Thread-safe. */
public sealed interface WeightPacking permits NativeWeightPacking, JavaWeightPacking {
  /** Returns the packing of an engine. */
  static WeightPacking of(NativeEngine engine) {
    return new NativeWeightPacking(engine);
  }

  /** Returns the packing of the kernels in Java. */
  static WeightPacking inJava() {
    return new JavaWeightPacking();
  }

  /**
   * Packs a weight. The result does not refer to the memory of {@code weight}.
   *
   * @param allocator allocates the memory of the result, which lives as long as the allocator's
   *     owner keeps it
   * @throws IllegalArgumentException if the elements are no floats or too few, or a dimension is
   *     out of range
   */
  PackedWeight pack(UnpackedWeight weight, WeightFormat format, SegmentAllocator allocator);

  /** Packs a float32 weight {@code [out, in]} in {@link WeightFormat#FP32}. */
  default PackedWeight pack(
      String name, MemorySegment weight, long out, long in, SegmentAllocator allocator) {
    return pack(new UnpackedWeight(name, weight, DType.F32, out, in), WeightFormat.FP32, allocator);
  }

  /**
   * Packs a weight that is multiplied by few rows at a time, as in the steps of a decoder. Results
   * have the same bits as with {@link #pack}. Products with few rows may be faster, products with
   * many rows slower.
   */
  default PackedWeight packForFewRows(
      UnpackedWeight weight, WeightFormat format, NativeMemory memory) {
    return pack(weight, format, memory);
  }

  /**
   * Converts a packed weight to the layout of {@link #packForFewRows}. Returns the weight itself if
   * no conversion is needed, else a copy in {@code memory}.
   */
  default PackedWeight forFewRows(PackedWeight weight, NativeMemory memory) {
    return weight;
  }

  /**
   * Wraps a weight that was packed earlier, for instance one in a mapped file. Nothing is copied,
   * so {@code packed} must live as long as the result.
   *
   * @param packed the packed bytes, aligned to {@link NativeMemory#ALIGNMENT}
   * @param format any format except {@link WeightFormat#FP32}, whose layout depends on the
   *     instruction set
   * @throws IllegalArgumentException if the bytes are not a packed weight of this shape and format
   */
  PackedWeight packed(String name, MemorySegment packed, long out, long in, WeightFormat format);
}
