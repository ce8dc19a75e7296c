package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * All memory that one forward pass writes to: its batch, its activations and the scratch memory of
 * its kernels. Weights are immutable, so passes can run in parallel if each has its own workspace.
 *
 * <p>Buffers grow to the size of the largest pass and are kept, so a warm workspace allocates
 * nothing. Not thread-safe: it must be used by one pass at a time. Closing a leased workspace
 * returns it to its {@link WorkspacePool}; closing any other workspace frees it.
 */
public final class Workspace implements AutoCloseable {
  // The largest parameter struct has 30 fields of 8 bytes.
  private static final long PARAMETER_BYTES = 512;

  private final NativeMemory memory = new NativeMemory();
  private final MemorySegment parameters = memory.allocate(PARAMETER_BYTES);
  private GrowableBuffer[] buffers = {};
  private final GrowableBuffer scratch;
  private final GrowableBuffer onHost = new GrowableBuffer();
  private final TokenBatch batch = new TokenBatch();
  private Object[] reused = {};
  private final WorkspacePool pool;
  private final TensorMemory tensors;

  /** Creates a workspace in host memory. */
  public Workspace() {
    this(TensorMemory.HOST);
  }

  /** Creates a workspace in the memory of kernels, which must outlive it. */
  public Workspace(TensorMemory tensors) {
    this(null, tensors);
  }

  Workspace(WorkspacePool pool, TensorMemory tensors) {
    this.pool = pool;
    this.tensors = tensors;
    this.scratch = new GrowableBuffer(tensors::allocator);
  }

  /** Returns the batch of the pass. */
  public TokenBatch batch() {
    return batch;
  }

  /**
   * Returns the workspace's object for a key. Every call with the same key returns the same object.
   */
  @SuppressWarnings("unchecked")
  public <T> T reused(Reused<T> key) {
    if (key.index >= reused.length) {
      reused = Arrays.copyOf(reused, key.index + 1);
    }
    if (reused[key.index] == null) {
      reused[key.index] = key.supplier.get();
    }
    return (T) reused[key.index];
  }

  /**
   * Returns a tensor of at least {@code count} floats with undefined contents. Segments returned
   * earlier for the same buffer must no longer be used.
   */
  public MemorySegment floats(Buffer buffer, long count) {
    if (buffer.index >= buffers.length) {
      buffers = Arrays.copyOf(buffers, buffer.index + 1);
    }
    if (buffers[buffer.index] == null) {
      buffers[buffer.index] = new GrowableBuffer(tensors::allocator);
    }
    MemorySegment floats =
        buffers[buffer.index].ensure(Math.multiplyExact(count, (long) Float.BYTES));
    if (Poison.ON) {
      Poison.fill(tensors, floats, count);
    }
    return floats;
  }

  /**
   * Returns scratch memory of at least {@code bytes} bytes, aligned to {@link
   * NativeMemory#ALIGNMENT}. It is valid for one kernel call.
   */
  public MemorySegment scratch(long bytes) {
    return scratch.ensure(bytes);
  }

  /**
   * Returns the size of the scratch memory in bytes. It is determined by the kernel call that has
   * needed the most so far.
   */
  public long scratchBytes() {
    return scratch.segment().byteSize();
  }

  /** Returns at least {@code bytes} bytes of host memory for {@link TensorMemory#onHost}. */
  public MemorySegment onHost(long bytes) {
    return onHost.ensure(bytes);
  }

  /** Returns memory for the parameter struct or the results of one downcall. */
  public MemorySegment parameters() {
    return parameters;
  }

  @Override
  public void close() {
    if (pool != null) {
      pool.release(this);
    } else {
      free();
    }
  }

  void free() {
    for (GrowableBuffer buffer : buffers) {
      if (buffer != null) {
        buffer.close();
      }
    }
    scratch.close();
    onHost.close();
    for (Object object : reused) {
      if (object instanceof AutoCloseable closeable) {
        close(closeable);
      }
    }
    batch.close();
    memory.close();
  }

  private static void close(AutoCloseable closeable) {
    try {
      closeable.close();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
