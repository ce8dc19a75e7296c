package dev.panaformer;

import dev.panaformer.kernel.CudaKernels;
import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import java.util.Locale;

/** Which implementation of the kernels a model is computed with. */
public enum Backend {
  /**
   * {@link #NATIVE}, or {@link #JAVA} if there is no native library for this platform; the first
   * such fallback of a process logs a warning. It is still an error if the environment variable
   * PANAFORMER_ISA names an instruction set that the processor does not have.
   */
  AUTO,
  /** C kernels, compiled for several instruction sets of the processor. */
  NATIVE,
  /** Java kernels: slow, single-threaded, and independent of the platform. */
  JAVA,
  /** CUDA kernels on a GPU; see {@link Device}. */
  CUDA,
  /** The CUDA kernels compiled for the processor: slow, for tests on machines without a GPU. */
  CUDA_EMULATED;

  /**
   * Opens kernels of this kind, which the caller closes.
   *
   * @param threads the number of threads that compute, including the calling one
   * @param device the number of the GPU, for {@link #CUDA}
   * @throws UnsupportedOperationException if {@link #CUDA} is asked for and there is no driver or
   *     no such device; the message says which
   */
  Kernels open(int threads, int device) {
    return switch (this) {
      case AUTO -> Kernels.best(threads);
      case NATIVE -> NativeKernels.create(Isa.AUTO, threads);
      case JAVA -> new JavaKernels();
      case CUDA -> CudaKernels.create(device);
      case CUDA_EMULATED -> CudaKernels.createEmulated();
    };
  }

  /** The name as it is written on a command line: {@code cuda-emulated}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
