package dev.panaformer.kernel;

import dev.panaformer.bindings.CudaException;
import dev.panaformer.bindings.CudaLibrary;
import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.kernel.engine.CudaEngine;
import java.util.ArrayList;
import java.util.List;

/**
 * Where a model computes: {@code ModelOptions.DEFAULT.withDevice(Device.cuda(0))}.
 *
 * @param backend whose kernels run there
 * @param index which of several devices; 0 for the CPU
 */
public record Device(Backend backend, int index) {

  /** The processor, with its best instruction set. */
  public static Device cpu() {
    return new Device(Backend.AUTO, 0);
  }

  /**
   * A GPU.
   *
   * @throws NativeLibraryException if there is no CUDA library: its jar is one of its own
   * @throws UnsupportedOperationException if there is no driver or no such GPU, saying which
   */
  public static Device cuda(int index) {
    CudaEngine.requireDevice(CudaLibrary.load(), index);
    return new Device(Backend.CUDA, index);
  }

  /** The first GPU if there is one that can be used, else the processor. */
  public static Device best() {
    try {
      return cuda(0);
    } catch (NativeLibraryException | UnsupportedOperationException none) {
      return cpu();
    }
  }

  /** What there is, for people, one a line: the GPUs, or why there is none. */
  public static List<String> describeAll() {
    List<String> devices = new ArrayList<>();
    try {
      CudaLibrary library = CudaLibrary.load();
      int count = library.deviceCount();
      for (int i = 0; i < count; i++) {
        CudaLibrary.Description device = library.describe(i);
        devices.add(
            String.format(
                "cuda %d: %s, compute capability %d.%d, %d MB",
                i,
                device.name(),
                device.computeCapability() / 10,
                device.computeCapability() % 10,
                device.memoryBytes() / 1_000_000));
      }
      if (count == 0) {
        devices.add("no cuda: the driver finds no device");
      }
    } catch (NativeLibraryException e) {
      devices.add("no cuda: the library for it is not on the class path");
    } catch (CudaException e) {
      devices.add("no cuda: " + e.getMessage());
    }
    return devices;
  }
}
