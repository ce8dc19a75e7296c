package dev.panaformer.kernel;

/**
 * The instruction sets that native kernels are compiled for. The order is that of {@code pf_isa}.
 */
public enum Isa {
  /**
   * The value of the environment variable PANAFORMER_ISA, else the best that CPU and OS support.
   */
  AUTO,
  /** Plain C. */
  PORTABLE,
  /** With FMA. */
  AVX2,
  /** F, BW, DQ and VL. */
  AVX512,
  NEON,
  /** None of a CPU's: the engine runs on a device. See {@link Device}. */
  CUDA
}
