package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;
import java.util.function.UnaryOperator;

/**
 * A buffer that grows to the largest size it was ever asked for, so that repeated use allocates
 * nothing. Segments of before the last growth are dead. Not thread-safe.
 */
public final class GrowableBuffer implements AutoCloseable {
  // Spares small buffers, which fill element by element, their first dozen reallocations.
  private static final long MIN_BYTES = 4096;

  private final UnaryOperator<NativeMemory> place;
  private NativeMemory memory;
  private MemorySegment segment = MemorySegment.NULL;

  /** In the host's memory. */
  public GrowableBuffer() {
    this(UnaryOperator.identity());
  }

  /**
   * @param place {@link TensorMemory#allocator}; elsewhere than on the host nothing is kept
   */
  GrowableBuffer(UnaryOperator<NativeMemory> place) {
    this.place = place;
  }

  /**
   * At least {@code bytes} bytes with whatever they hold: the old contents, unless they had to
   * grow.
   */
  public MemorySegment ensure(long bytes) {
    return bytes <= segment.byteSize() ? segment : grow(bytes, 0);
  }

  /** At least {@code bytes} bytes that begin with the first {@code kept} of before. */
  public MemorySegment ensure(long bytes, long kept) {
    return bytes <= segment.byteSize() ? segment : grow(bytes, kept);
  }

  /** All of it. */
  public MemorySegment segment() {
    return segment;
  }

  private MemorySegment grow(long bytes, long kept) {
    // By half at least: a workload of slowly growing batches reallocates a few times, not each
    // time.
    long size = Math.max(Math.max(bytes, MIN_BYTES), segment.byteSize() + segment.byteSize() / 2);
    NativeMemory grown = place.apply(NativeMemory.ofSegment(size));
    MemorySegment target;
    try {
      target = grown.allocate(size);
    } catch (Throwable e) {
      grown.close();
      throw e;
    }
    if (kept > 0) {
      MemorySegment.copy(segment, 0, target, 0, kept);
    }
    close();
    memory = grown;
    segment = target;
    return segment;
  }

  @Override
  public void close() {
    if (memory != null) {
      segment = MemorySegment.NULL;
      memory.close();
      memory = null;
    }
  }
}
