package dev.panaformer.kernel.linear;

import static dev.panaformer.bindings.panaformer_h.PF_ERROR_PACKED_WEIGHTS;

import dev.panaformer.kernel.engine.NativeEngine;

/** The status of native calls that read a packed weight. */
public final class PackedWeightStatus {
  private PackedWeightStatus() {}

  /** {@link NativeEngine#check}, with a message of its own for a weight of another engine. */
  public static void check(String kernel, int status, PackedWeight weight) {
    if (status == PF_ERROR_PACKED_WEIGHTS()) {
      throw new IllegalArgumentException(
          kernel
              + ": "
              + weight.name()
              + " ["
              + weight.out()
              + ", "
              + weight.in()
              + "] was packed for another instruction set or by another version");
    }
    NativeEngine.check(kernel, status);
  }
}
