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
   * The instruction set that the environment variable PANAFORMER_ISA names. If it is not set, the
   * best one that the CPU and the operating system support.
   */
  AUTO(PF_ISA_AUTO()),
  /** Plain C. */
  PORTABLE(PF_ISA_PORTABLE()),
  /** AVX2 with FMA. */
  AVX2(PF_ISA_AVX2()),
  /** AVX-512 F, BW, DQ and VL. */
  AVX512(PF_ISA_AVX512()),
  NEON(PF_ISA_NEON()),
  /** A CUDA device or its emulation. Only {@link CudaEngine} has this value. */
  CUDA(PF_ISA_CUDA());

  private final int value;

  Isa(int value) {
    this.value = value;
  }

  /** Returns the constant of the C interface. */
  public int value() {
    return value;
  }
}
