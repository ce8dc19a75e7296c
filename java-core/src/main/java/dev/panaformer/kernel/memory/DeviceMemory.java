package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;

/** Allocates and frees memory of a device. */
public interface DeviceMemory {

  /**
   * Allocates uninitialised device memory, aligned to 256 bytes.
   *
   * @return a segment that Java cannot read or write
   */
  MemorySegment allocate(long bytes);

  /** Frees a segment of {@link #allocate}. */
  void free(MemorySegment segment);
}
