package dev.panaformer.kernel;

import java.lang.foreign.MemorySegment;

/** Takes and gives back memory that is not the host's. */
interface DeviceMemory {

  /**
   * @return a segment of that size with whatever it holds, aligned to 256 bytes, which Java cannot
   *     read or write
   */
  MemorySegment allocate(long bytes);

  /** Frees what {@link #allocate} gave. */
  void free(MemorySegment segment);
}
