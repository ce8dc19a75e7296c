package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;

/** Allocates and frees memory of a device. */
public interface DeviceMemory {

  /**
   * @return a segment of that size with whatever it holds, aligned to 256 bytes, which Java cannot
   *     read or write
   */
  MemorySegment allocate(long bytes);

  /** Frees what {@link #allocate} gave. */
  void free(MemorySegment segment);
}
