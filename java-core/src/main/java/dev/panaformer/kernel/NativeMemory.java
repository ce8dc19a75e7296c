package dev.panaformer.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/**
 * Memory outside the heap that is freed as one: a model's weights, a workspace's buffers.
 *
 * <p>Its segments know their size but not their lifetime, because checking a shared lifetime costs
 * two contended atomics for each segment of each downcall. Whoever owns an instance therefore sees
 * to it that nobody uses its segments once it is closed; for models one lease per forward does, see
 * {@link WorkspacePool}.
 *
 * <p>Thread-safe.
 */
public final class NativeMemory implements SegmentAllocator, AutoCloseable {
  /** Bytes to which every segment is aligned: a cache line, and what packed weights ask for. */
  public static final long ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();

  /** Zeroed memory, aligned to {@link #ALIGNMENT} or more. */
  @Override
  @SuppressWarnings("restricted")
  public MemorySegment allocate(long byteSize, long byteAlignment) {
    MemorySegment segment = arena.allocate(byteSize, Math.max(byteAlignment, ALIGNMENT));
    return MemorySegment.ofAddress(segment.address()).reinterpret(byteSize);
  }

  /** Frees everything. No segment may be in use. */
  @Override
  public void close() {
    arena.close();
  }
}
