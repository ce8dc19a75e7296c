package dev.panaformer;

import dev.panaformer.kernel.CudaKernels;
import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.memory.NativeMemory;
import java.util.Locale;

/** An implementation of the kernels. */
public enum Backend {
  /**
   * {@link #NATIVE}, or {@link #JAVA} if there is no native library for this platform. The first
   * such fallback in a process logs a warning. Denied native access is no reason to fall back: see
   * {@link BackendException}. If the environment variable PANAFORMER_ISA names an instruction set
   * that the processor does not have, that is an error, not a fallback.
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
   * Opens kernels of this kind. The caller closes them.
   *
   * @param threads the number of threads, including the calling thread
   * @param device the index of the GPU, for {@link #CUDA}
   * @throws UnsupportedOperationException if this is {@link #CUDA} and there is no driver or no
   *     such device; the message says which
   * @throws BackendException if the native library cannot be loaded, and this is not {@link #AUTO},
   *     or if the JVM denies native access
   */
  Kernels open(int threads, int device) {
    requireNativeAccess();
    return BackendException.translate(() -> create(threads, device));
  }

  private Kernels create(int threads, int device) {
    return switch (this) {
      case AUTO -> Kernels.best(threads);
      case NATIVE -> NativeKernels.create(Isa.AUTO, threads);
      case JAVA -> new JavaKernels();
      case CUDA -> CudaKernels.create(device);
      case CUDA_EMULATED -> CudaKernels.createEmulated();
    };
  }

  /**
   * Checks that the JVM allows native access, without which no backend can hold weights.
   *
   * @throws BackendException with the option that allows it
   */
  static void requireNativeAccess() {
    BackendException.translate(NativeMemory::requireAccess);
  }

  /** The name used on the command line, for example {@code cuda-emulated}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
