package dev.panaformer.kernel.engine;

import static dev.panaformer.bindings.panaformer_h.PF_ISA_AUTO;
import static dev.panaformer.bindings.panaformer_h.PF_ISA_AVX2;
import static dev.panaformer.bindings.panaformer_h.PF_ISA_AVX512;
import static dev.panaformer.bindings.panaformer_h.PF_ISA_CUDA;
import static dev.panaformer.bindings.panaformer_h.PF_ISA_NEON;
import static dev.panaformer.bindings.panaformer_h.PF_ISA_PORTABLE;

/** The instruction sets that native kernels are compiled for. */
public enum Isa {
  /**
   * The value of the environment variable PANAFORMER_ISA, else the best that CPU and OS support.
   */
  AUTO(PF_ISA_AUTO()),
  /** Plain C. */
  PORTABLE(PF_ISA_PORTABLE()),
  /** With FMA. */
  AVX2(PF_ISA_AVX2()),
  /** F, BW, DQ and VL. */
  AVX512(PF_ISA_AVX512()),
  NEON(PF_ISA_NEON()),
  /** The engine runs on a CUDA device, or emulates one. */
  CUDA(PF_ISA_CUDA());

  private final int value;

  Isa(int value) {
    this.value = value;
  }

  /** The value that the C interface has for it. */
  public int value() {
    return value;
  }
}
