package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Fills buffers with NaN whenever they are requested, so that tests detect results that depend on
 * old contents. The system property {@value #PROPERTY} turns it on.
 */
final class Poison {
  static final String PROPERTY = "panaformer.poison";

  static final boolean ON = Boolean.getBoolean(PROPERTY);

  private static final long CHUNK = 1 << 16;

  private Poison() {}

  /** NaNs in host memory. A nested class, so that they are allocated only if they are used. */
  private static final class Chunk {
    static final MemorySegment NANS = nans();

    private static MemorySegment nans() {
      MemorySegment nans = Arena.global().allocate(JAVA_FLOAT, CHUNK);
      for (long i = 0; i < CHUNK; i++) {
        nans.setAtIndex(JAVA_FLOAT, i, Float.NaN);
      }
      return nans;
    }
  }

  static void fill(TensorMemory memory, MemorySegment tensor, long floats) {
    for (long at = 0; at < floats; at += CHUNK) {
      memory.copy(Chunk.NANS, 0, tensor, at, Math.min(CHUNK, floats - at));
    }
  }
}
