package dev.panaformer.kernel.linear;

import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * {@link WeightPacking} for the kernels in Java. Float32 weights keep the order {@code [out, in]}.
 * The other formats have the layouts of the native library.
 */
final class JavaWeightPacking implements WeightPacking {
  @Override
  public PackedWeight pack(UnpackedWeight w, WeightFormat format, SegmentAllocator allocator) {
    LinearArguments.pack(w, format);
    long bytes = JavaPackedWeight.bytes(format, w.out(), w.in());
    MemorySegment packed = allocator.allocate(bytes, NativeMemory.ALIGNMENT);
    if (format == WeightFormat.FP32) {
      Tensor.of(w.dtype(), new long[] {w.out(), w.in()}, w.elements()).copyFloat32To(packed);
    } else {
      JavaPackedWeight.pack(w, format, packed);
    }
    return new PackedWeight(w.name(), packed, w.out(), w.in(), format);
  }

  @Override
  public PackedWeight packed(
      String name, MemorySegment packed, long out, long in, WeightFormat format) {
    LinearArguments.packed(name, packed, out, in, format);
    JavaPackedWeight.check(name, packed, out, in, format);
    return new PackedWeight(name, packed, out, in, format);
  }
}
