package dev.panaformer;

import dev.panaformer.kernel.CudaDevices;
import java.util.List;

/**
 * The device on which a model is evaluated: {@code
 * ModelOptions.DEFAULT.withDevice(Device.cuda(0))}.
 *
 * @param backend the implementation of the kernels
 * @param index the index of the GPU; 0 for the processor
 */
public record Device(Backend backend, int index) {

  /**
   * @throws IllegalArgumentException if the index is negative
   */
  public Device {
    if (index < 0) {
      throw new IllegalArgumentException("device is " + index + ", at least 0");
    }
  }

  /** The processor, with its best instruction set. */
  public static Device cpu() {
    return new Device(Backend.AUTO, 0);
  }

  /**
   * A GPU.
   *
   * @param index the index of the GPU, from 0
   * @throws UnsupportedOperationException if there is no driver or no such GPU; the message says
   *     which
   * @throws BackendException if the CUDA library, which is a separate artifact, is missing, or the
   *     JVM denies native access
   */
  public static Device cuda(int index) {
    BackendException.translate(() -> CudaDevices.require(index));
    return new Device(Backend.CUDA, index);
  }

  /** The first GPU if one can be used, otherwise the processor. */
  public static Device best() {
    boolean usable = BackendException.translate(() -> CudaDevices.isUsable(0));
    return usable ? new Device(Backend.CUDA, 0) : cpu();
  }

  /** One line of text for each GPU, or one line that says why there is none. */
  public static List<String> describeAll() {
    return BackendException.translate(CudaDevices::describeAll);
  }
}
