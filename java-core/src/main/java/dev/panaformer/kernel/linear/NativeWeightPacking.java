package dev.panaformer.kernel.linear;

import static dev.panaformer.bindings.panaformer_h.*;
import static dev.panaformer.kernel.engine.NativeEngine.check;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.panaformer.kernel.engine.NativeEngine;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Optional;

/** {@link WeightPacking} by the native library. */
final class NativeWeightPacking implements WeightPacking {
  private final NativeEngine engine;

  NativeWeightPacking(NativeEngine engine) {
    this.engine = engine;
  }

  @Override
  public PackedWeight pack(UnpackedWeight w, WeightFormat format, SegmentAllocator allocator) {
    LinearArguments.pack(w, format);
    MemorySegment packed;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      check(
          "pack in " + format,
          pf_linear_packed_size(engine.pointer(), w.out(), w.in(), format.value(), bytes));
      packed = allocator.allocate(bytes.get(JAVA_LONG, 0), PF_ALIGNMENT());
    }
    check(
        "pack",
        pf_linear_pack(
            engine.pointer(),
            engine.argument(w.elements()),
            value(w.dtype()),
            engine.argument(packed),
            w.out(),
            w.in(),
            format.value()));
    return new PackedWeight(w.name(), packed, w.out(), w.in(), format);
  }

  private static int value(DType dtype) {
    return switch (dtype) {
      case F16 -> PF_DTYPE_FP16();
      case BF16 -> PF_DTYPE_BF16();
      default -> PF_DTYPE_FP32();
    };
  }

  @Override
  public PackedWeight packForFewRows(UnpackedWeight w, WeightFormat format, NativeMemory memory) {
    long bytes = compactBytes(w.out(), w.in(), format);
    if (bytes == 0) {
      return pack(w, format, memory);
    }
    try (NativeMemory staging = NativeMemory.ofSegment(bytes)) {
      PackedWeight packed = pack(w, format, staging);
      MemorySegment room = memory.allocate(bytes, PF_ALIGNMENT());
      return packCompact(packed, room, memory)
          .orElseGet(() ->
              new PackedWeight(w.name(), room.copyFrom(packed.segment()), w.out(), w.in(), format));
    }
  }

  @Override
  public PackedWeight forFewRows(PackedWeight weight, NativeMemory memory) {
    long bytes = compactBytes(weight.out(), weight.in(), weight.format());
    if (bytes == 0) {
      return weight;
    }
    MemorySegment room = memory.allocate(bytes, PF_ALIGNMENT());
    return packCompact(weight, room, memory).orElse(weight);
  }

  /**
   * Returns the size in bytes of the layout for few rows, or 0 if the engine has no such layout for
   * the weight.
   */
  private long compactBytes(long out, long in, WeightFormat format) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      int status = pf_linear_compact_size(engine.pointer(), out, in, format.value(), bytes);
      // An invalid weight is reported when it is packed.
      return status == PF_OK() ? bytes.get(JAVA_LONG, 0) : 0;
    }
  }

  /**
   * Copies a packed weight into the layout for few rows. Returns empty if the engine keeps the
   * weight's present layout.
   *
   * @param room the destination, the last segment allocated from {@code memory}. What the result
   *     does not need is returned to {@code memory}.
   */
  private Optional<PackedWeight> packCompact(
      PackedWeight weight, MemorySegment room, NativeMemory memory) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment used = arena.allocate(JAVA_LONG);
      int status =
          pf_linear_compact_pack(
              engine.pointer(),
              engine.argument(weight.segment()),
              engine.argument(room),
              weight.out(),
              weight.in(),
              used);
      if (status == PF_ERROR_UNSUPPORTED()) {
        return Optional.empty();
      }
      PackedWeightStatus.check("packForFewRows", status, weight);
      MemorySegment compact = memory.trim(room, used.get(JAVA_LONG, 0));
      return Optional.of(
          new PackedWeight(weight.name(), compact, weight.out(), weight.in(), weight.format()));
    }
  }

  @Override
  public PackedWeight packed(
      String name, MemorySegment packed, long out, long in, WeightFormat format) {
    LinearArguments.packed(name, packed, out, in, format);
    int status =
        pf_linear_packed_check(
            engine.pointer(), engine.argument(packed), packed.byteSize(), out, in, format.value());
    if (status == PF_ERROR_PACKED_WEIGHTS()) {
      throw LinearArguments.notPacked(name, out, in, format);
    }
    check("packed", status);
    return new PackedWeight(name, packed, out, in, format);
  }
}
