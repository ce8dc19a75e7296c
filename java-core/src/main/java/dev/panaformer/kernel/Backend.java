package dev.panaformer.kernel;

import dev.panaformer.bindings.NativeLibrary;
import dev.panaformer.bindings.NativeLibraryException;
import java.lang.System.Logger.Level;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** What computes. */
public enum Backend {
  /** {@link #NATIVE}, or {@link #JAVA} where there is no native library. Logs the choice, once. */
  AUTO,
  /** The fused kernels in C. */
  NATIVE,
  /** Plain Java, slow and without surprises; on the caller's thread alone. */
  JAVA;

  private static final System.Logger LOGGER = System.getLogger(Backend.class.getName());
  private static final AtomicBoolean LOGGED = new AtomicBoolean();

  /**
   * Kernels of this kind, to be closed by the caller. An instruction set that PANAFORMER_ISA
   * demands and that is not there is an error for {@link #AUTO} too.
   *
   * @param threads how many threads compute, the caller's among them
   * @throws NativeLibraryException if {@link #NATIVE} is asked for and cannot be loaded
   */
  public Kernels open(int threads) {
    return switch (this) {
      case NATIVE -> NativeKernels.create(Isa.AUTO, threads);
      case JAVA -> new JavaKernels();
      case AUTO -> choose(threads);
    };
  }

  private static Kernels choose(int threads) {
    Optional<NativeLibraryException> missing = NativeLibrary.tryLoad();
    Kernels kernels =
        missing.isPresent() ? new JavaKernels() : NativeKernels.create(Isa.AUTO, threads);
    if (LOGGED.compareAndSet(false, true)) {
      if (missing.isPresent()) {
        LOGGER.log(
            Level.WARNING, "Computing in plain Java, slowly: {0}", missing.get().getMessage());
      } else {
        LOGGER.log(Level.INFO, "Computing with {0}", kernels.description());
      }
    }
    return kernels;
  }
}
