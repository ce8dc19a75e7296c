package dev.panaformer.kernel;

import dev.panaformer.kernel.embedding.EmbeddingKernels;
import dev.panaformer.kernel.engine.CudaEngine;

/** The CUDA kernels on one device, or the same kernels emulated on the host. */
public final class CudaKernels extends NativeKernels {
  private final CudaEngine engine;

  private CudaKernels(CudaEngine engine, EmbeddingKernels embedding) {
    super(engine, embedding, new CudaMemory(engine, embedding));
    this.engine = engine;
  }

  private CudaKernels(CudaEngine engine) {
    this(engine, EmbeddingKernels.of(engine));
  }

  /**
   * Starts an engine on a device.
   *
   * @param index the number of the device
   * @throws dev.panaformer.bindings.NativeLibraryException if the CUDA library is missing, damaged
   *     or of another version
   * @throws UnsupportedOperationException if there is no driver or no such device; the message says
   *     which
   */
  public static CudaKernels create(int index) {
    return new CudaKernels(CudaEngine.create(index));
  }

  /** Starts an engine that runs the CUDA kernels on the host. It is slow and meant for tests. */
  public static CudaKernels createEmulated() {
    return new CudaKernels(CudaEngine.createEmulated());
  }

  @Override
  public String description() {
    return engine.description();
  }

  @Override
  public void step(Runnable pass) {
    engine.step(pass);
  }
}
