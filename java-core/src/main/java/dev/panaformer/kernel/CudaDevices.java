package dev.panaformer.kernel;

import dev.panaformer.bindings.CudaException;
import dev.panaformer.bindings.CudaLibrary;
import dev.panaformer.bindings.NativeLibraryException;
import dev.panaformer.kernel.engine.CudaEngine;
import java.util.ArrayList;
import java.util.List;

/** The GPUs of this machine that the CUDA library can use. */
public final class CudaDevices {
  private CudaDevices() {}

  /**
   * Checks that a GPU can be used.
   *
   * @param index the number of the device
   * @throws NativeLibraryException if there is no CUDA library
   * @throws UnsupportedOperationException if there is no driver or no such GPU; the message says
   *     which
   */
  public static void require(int index) {
    CudaEngine.requireDevice(CudaLibrary.load(), index);
  }

  /** Returns whether the GPU can be used, that is, whether {@link #require} returns normally. */
  public static boolean isUsable(int index) {
    try {
      require(index);
      return true;
    } catch (NativeLibraryException | UnsupportedOperationException none) {
      return false;
    }
  }

  /** Returns one line of text for each GPU, or one line that says why there is none. */
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
