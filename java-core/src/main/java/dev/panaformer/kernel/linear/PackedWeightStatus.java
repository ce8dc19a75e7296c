package dev.panaformer.kernel.linear;

import static dev.panaformer.bindings.panaformer_h.PF_ERROR_PACKED_WEIGHTS;

import dev.panaformer.kernel.engine.NativeEngine;

/** Checks the status of native calls that read a packed weight. */
public final class PackedWeightStatus {
  private PackedWeightStatus() {}

  /**
   * Throws unless a call succeeded; see {@link NativeEngine#check}.
   *
   * @throws IllegalArgumentException if the weight was packed by another engine
   */
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
