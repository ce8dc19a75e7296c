package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;
import java.util.function.UnaryOperator;

/**
 * A buffer that grows to the largest size requested so far, so repeated use allocates nothing.
 * Segments returned before the buffer last grew must not be used. Not thread-safe.
 */
public final class GrowableBuffer implements AutoCloseable {
  // Buffers that are filled element by element start at this size, which avoids their first dozen
  // reallocations.
  private static final long MIN_BYTES = 4096;

  private final UnaryOperator<NativeMemory> place;
  private NativeMemory memory;
  private MemorySegment segment = MemorySegment.NULL;

  /** Creates a buffer in host memory. */
  public GrowableBuffer() {
    this(UnaryOperator.identity());
  }

  /**
   * Creates a buffer.
   *
   * @param place a {@link TensorMemory#allocator}. Contents are kept on growth in host memory only.
   */
  GrowableBuffer(UnaryOperator<NativeMemory> place) {
    this.place = place;
  }

  /**
   * Returns a segment of at least {@code bytes} bytes. It has the old contents if the buffer did
   * not have to grow; else its contents are undefined.
   */
  public MemorySegment ensure(long bytes) {
    return bytes <= segment.byteSize() ? segment : grow(bytes, 0);
  }

  /**
   * Returns a segment of at least {@code bytes} bytes that begins with the first {@code kept} bytes
   * of the old contents.
   */
  public MemorySegment ensure(long bytes, long kept) {
    return bytes <= segment.byteSize() ? segment : grow(bytes, kept);
  }

  /** Returns the whole buffer. */
  public MemorySegment segment() {
    return segment;
  }

  private MemorySegment grow(long bytes, long kept) {
    // Grows by at least half, so that slowly growing batches cause few reallocations.
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
