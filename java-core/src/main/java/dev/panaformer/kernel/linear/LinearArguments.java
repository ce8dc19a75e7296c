package dev.panaformer.kernel.linear;

import static dev.panaformer.kernel.memory.Arguments.requireDisjoint;
import static dev.panaformer.kernel.memory.Arguments.requireFloats;
import static dev.panaformer.kernel.memory.Arguments.requireFloatsOrAbsent;
import static dev.panaformer.kernel.memory.Arguments.requireSize;

import dev.panaformer.kernel.memory.Limits;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;

/** Argument checks of {@link LinearKernels} and {@link WeightPacking}. */
final class LinearArguments {
  private LinearArguments() {}

  static void linear(
      MemorySegment x, LinearWeights w, MemorySegment residual, MemorySegment y, long rows) {
    requireSize("linear", "rows", rows, 0);
    requireFloats("linear", "x", x, rows, w.in());
    requireFloatsOrAbsent("linear", "bias", w.bias(), 1, w.out());
    requireFloatsOrAbsent("linear", "residual", residual, rows, w.out());
    requireFloats("linear", "y", y, rows, w.out());
    requireDisjoint("linear", y, rows * w.out(), "x", x, rows * w.in());
  }

  static void feedForward(
      MemorySegment x, FeedForwardWeights w, MemorySegment residual, MemorySegment y, long rows) {
    long hidden = w.up().in();
    long intermediate = w.up().out();
    if (w.gate().isPresent()) {
      requireGate(w.gate().get(), w.up());
    }
    if (w.down().in() != intermediate || w.down().out() != hidden) {
      throw new IllegalArgumentException(
          String.format(
              "feedForward: down is [%d, %d], but must be [%d, %d] after an up of [%d, %d]",
              w.down().out(), w.down().in(), hidden, intermediate, intermediate, hidden));
    }
    requireSize("feedForward", "rows", rows, 0);
    requireFloats("feedForward", "x", x, rows, hidden);
    requireFloatsOrAbsent("feedForward", "upBias", w.up().bias(), 1, intermediate);
    requireFloatsOrAbsent("feedForward", "downBias", w.down().bias(), 1, hidden);
    requireFloatsOrAbsent("feedForward", "residual", residual, rows, hidden);
    requireFloats("feedForward", "y", y, rows, hidden);
    requireDisjoint("feedForward", y, rows * hidden, "x", x, rows * hidden);
  }

  private static void requireGate(LinearWeights gate, LinearWeights up) {
    if (gate.in() != up.in() || gate.out() != up.out()) {
      throw new IllegalArgumentException(
          String.format(
              "feedForward: gate is [%d, %d], but up is [%d, %d]",
              gate.out(), gate.in(), up.out(), up.in()));
    }
    requireFloatsOrAbsent("feedForward", "gateBias", gate.bias(), 1, gate.out());
  }

  static void activate(MemorySegment x, MemorySegment y, long count) {
    if (count < 0) {
      throw new IllegalArgumentException("activate: count is " + count);
    }
    requireFloats("activate", "x", x, 1, count);
    requireFloats("activate", "y", y, 1, count);
  }

  static void pack(UnpackedWeight w, WeightFormat format) {
    requireWeight(w.name(), w.out(), w.in(), format);
    DType dtype = w.dtype();
    if (dtype == DType.F32) {
      requireFloats(w.name(), "weight", w.elements(), w.out(), w.in());
    } else if (dtype != DType.F16 && dtype != DType.BF16) {
      throw new IllegalArgumentException(w.name() + ": weight is " + dtype + ", not floats");
    } else if (w.elements().byteSize() / dtype.bytes() < w.out() * w.in()
        || !w.elements().isNative()) {
      throw new IllegalArgumentException(
          String.format(
              "%s: weight has %d bytes, but [%d, %d] %s needs %d",
              w.name(),
              w.elements().byteSize(),
              w.out(),
              w.in(),
              dtype,
              w.out() * w.in() * dtype.bytes()));
    }
  }

  static void packed(String name, MemorySegment packed, long out, long in, WeightFormat format) {
    requireWeight(name, out, in, format);
    if (format == WeightFormat.FP32) {
      throw new IllegalArgumentException(name + ": weights in fp32 are packed where they are used");
    }
    if (!packed.isNative() || packed.address() % NativeMemory.ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          name + ": packed is on the heap, or not aligned to " + NativeMemory.ALIGNMENT);
    }
  }

  private static void requireWeight(String name, long out, long in, WeightFormat format) {
    requireSize(name, "out", out, 1);
    requireSize(name, "in", in, 1);
    if (format == WeightFormat.INT8 && in > Limits.MAX_INT8_FEATURES) {
      throw new IllegalArgumentException(
          name + ": in is " + in + ", more than the " + Limits.MAX_INT8_FEATURES + " of int8");
    }
  }

  static IllegalArgumentException notPacked(String name, long out, long in, WeightFormat format) {
    return new IllegalArgumentException(
        String.format("%s: not a packed weight [%d, %d] in %s", name, out, in, format));
  }
}
