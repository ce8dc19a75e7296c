package dev.panaformer.kernel.memory;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * All that one forward pass writes: its batch, its activations, the scratch of its kernels. Weights
 * are immutable, so that a workspace per pass is all it takes to run passes in parallel.
 *
 * <p>Buffers grow to the largest pass and stay; a warm workspace allocates nothing. Not
 * thread-safe: one pass at a time. Closing a leased workspace returns it to its {@link
 * WorkspacePool}, closing any other frees it.
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

  /** In host memory. */
  public Workspace() {
    this(TensorMemory.HOST);
  }

  /** In the memory of kernels, which outlive it. */
  public Workspace(TensorMemory tensors) {
    this(null, tensors);
  }

  Workspace(WorkspacePool pool, TensorMemory tensors) {
    this.pool = pool;
    this.tensors = tensors;
    this.scratch = new GrowableBuffer(tensors::allocator);
  }

  /** The batch of this pass. */
  public TokenBatch batch() {
    return batch;
  }

  /** The object of this workspace, the same for every call. */
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
   * Room for at least {@code count} floats, with undefined contents. Segments that the workspace
   * gave for the same buffer before are dead.
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
   * At least {@code bytes} bytes, aligned to {@link NativeMemory#ALIGNMENT}, for the length of one
   * kernel.
   */
  public MemorySegment scratch(long bytes) {
    return scratch.ensure(bytes);
  }

  /**
   * The bytes that kernels have asked for beyond their inputs and outputs: those of the call that
   * asked for most.
   */
  public long scratchBytes() {
    return scratch.segment().byteSize();
  }

  /** At least {@code bytes} bytes of the host, for {@link TensorMemory#onHost}. */
  public MemorySegment onHost(long bytes) {
    return onHost.ensure(bytes);
  }

  /** Room for the parameter struct or the results of one downcall. */
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
