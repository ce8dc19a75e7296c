package dev.panaformer.bindings;

/** The CUDA driver is missing, has no such device, or failed. The message comes from the driver. */
public final class CudaException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  CudaException(String message) {
    super(message);
  }
}
