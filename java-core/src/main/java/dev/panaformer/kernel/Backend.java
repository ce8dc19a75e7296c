package dev.panaformer.kernel;

import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.kernel.engine.Isa;
import java.util.Locale;

/** What computes. */
public enum Backend {
  /**
   * {@link #NATIVE}, or {@link #JAVA} where there is no native library: logged once, as a warning.
   */
  AUTO,
  /** The fused kernels in C. */
  NATIVE,
  /** Plain Java, slow and without surprises; on the caller's thread alone. */
  JAVA,
  /** The kernels for CUDA, on a GPU; see {@link Device}. */
  CUDA,
  /**
   * The kernels for CUDA, compiled for the host and run there: slow, to test them without a GPU.
   */
  CUDA_EMULATED;

  /**
   * Kernels of this kind, to be closed by the caller. An instruction set that PANAFORMER_ISA
   * demands and that is not there is an error for {@link #AUTO} too.
   *
   * @param threads how many threads compute, the caller's among them
   * @throws NativeLibraryException if {@link #NATIVE} is asked for and cannot be loaded
   */
  public Kernels open(int threads) {
    return open(threads, 0);
  }

  /**
   * As {@link #open(int)}, on one of several devices.
   *
   * @param device which GPU, of {@link #CUDA}
   * @throws UnsupportedOperationException if {@link #CUDA} is asked for and there is no driver or
   *     no such device, saying which
   */
  public Kernels open(int threads, int device) {
    return switch (this) {
      case CUDA -> CudaKernels.create(device);
      case CUDA_EMULATED -> CudaKernels.createEmulated();
      case NATIVE -> NativeKernels.create(Isa.AUTO, threads);
      case JAVA -> new JavaKernels();
      case AUTO -> Kernels.best(threads);
    };
  }

  /** Whether tensors lie in the host's memory, where Java reads and writes them in place. */
  public boolean onHost() {
    return this != CUDA && this != CUDA_EMULATED;
  }

  /** As it is written on a command line. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
