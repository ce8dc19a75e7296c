package dev.panaformer.kernel.memory;

import java.util.ArrayDeque;

/**
 * Scratch buffers for calls without a workspace. There are as many buffers as calls have ever run
 * at once. Each grows to the largest size that was requested from it. Thread-safe.
 */
public final class ScratchPool implements AutoCloseable {
  // Guarded by this field's own monitor.
  private final ArrayDeque<GrowableBuffer> free = new ArrayDeque<>();

  /** Returns a buffer for exclusive use until it is released. */
  public GrowableBuffer lease() {
    synchronized (free) {
      GrowableBuffer buffer = free.pollLast();
      return buffer == null ? new GrowableBuffer() : buffer;
    }
  }

  public void release(GrowableBuffer buffer) {
    synchronized (free) {
      free.addLast(buffer);
    }
  }

  /** Frees all buffers. None may be leased. */
  @Override
  public void close() {
    synchronized (free) {
      free.forEach(GrowableBuffer::close);
      free.clear();
    }
  }
}
