package dev.panaformer.kernel.memory;

import java.util.ArrayDeque;

/**
 * Scratch memory for calls that bring no workspace: as many buffers as there were ever calls at
 * once, each grown to the largest that it was needed for. Thread-safe.
 */
public final class ScratchPool implements AutoCloseable {
  // Guarded by itself.
  private final ArrayDeque<GrowableBuffer> free = new ArrayDeque<>();

  /** A buffer that nobody else has until it is released. */
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
