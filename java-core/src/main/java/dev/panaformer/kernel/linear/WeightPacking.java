package dev.panaformer.kernel.linear;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/** Brings weights into the layouts that kernels read. Thread-safe. */
public sealed interface WeightPacking permits NativeWeightPacking, JavaWeightPacking {
  /** The packing of an engine. */
  static WeightPacking of(NativeEngine engine) {
    return new NativeWeightPacking(engine);
  }

  /** The packing of the kernels in Java. */
  static WeightPacking inJava() {
    return new JavaWeightPacking();
  }

  /**
   * Packs a weight.
   *
   * @param allocator gives the memory of the result and so decides how long it lives
   */
  PackedWeight pack(UnpackedWeight weight, WeightFormat format, SegmentAllocator allocator);

  /** {@link #pack} of float32 in {@link WeightFormat#FP32}. */
  default PackedWeight pack(
      String name, MemorySegment weight, long out, long in, SegmentAllocator allocator) {
    return pack(new UnpackedWeight(name, weight, DType.F32, out, in), WeightFormat.FP32, allocator);
  }

  /**
   * {@link #pack} for a weight that is multiplied by few rows at a time, as in the steps of a
   * decoder. Results are the same to the last bit. Few rows may take less time, many rows more.
   */
  default PackedWeight packForFewRows(
      UnpackedWeight weight, WeightFormat format, NativeMemory memory) {
    return pack(weight, format, memory);
  }

  /** A packed weight in the layout of {@link #packForFewRows}: itself, or a copy in the memory. */
  default PackedWeight forFewRows(PackedWeight weight, NativeMemory memory) {
    return weight;
  }

  /**
   * A weight that was packed before, for instance one in a mapped file. Nothing is copied.
   *
   * @param packed aligned to {@link NativeMemory#ALIGNMENT}
   * @param format any but {@link WeightFormat#FP32}, whose layout depends on the instruction set
   * @throws IllegalArgumentException if it is no such weight of this shape
   */
  PackedWeight packed(String name, MemorySegment packed, long out, long in, WeightFormat format);
}
