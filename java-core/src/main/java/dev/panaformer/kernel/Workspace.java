package dev.panaformer.kernel;

import java.lang.foreign.MemorySegment;
import java.util.function.UnaryOperator;

/**
 * All that one forward pass writes: its batch, its activations, the scratch of its kernels. Weights
 * are immutable, so that a workspace per pass is all it takes to run passes in parallel.
 *
 * <p>Buffers grow to the largest pass and stay; a warm workspace allocates nothing. Not
 * thread-safe: one pass at a time. Closing a leased workspace returns it to its {@link
 * WorkspacePool}, closing any other frees it.
 */
public final class Workspace implements AutoCloseable {
  /** The activations that a pass keeps, by what they hold. */
  public enum Buffer {
    /** Hidden states. */
    HIDDEN,
    /** Hidden states as a layer's parts read them, normalised. */
    NORMED,
    /** Queries, keys and values. */
    QKV,
    /** What attention, and after it the feed-forward network, puts out. */
    CONTEXT,
    /** Images as preprocessing leaves them. */
    PIXELS,
    /** The places of an image's patches, embedded for another resolution. */
    POSITIONS,
    /** Hidden states on their way to another order or resolution. */
    MAP,
    /** Maps of several resolutions, brought to one and laid side by side. */
    FEATURES,
    /** What is added to attention scores by distance, for all distances of a batch. */
    POSITION_BIAS,
    /** Rows picked out of the hidden states, such as one a sequence or a mask, or out of QKV. */
    POOLED,
    /** Rows of embeddings that stand in a prompt, as they are given. */
    EMBEDDING_ROWS,
    /** The same with their positions. */
    EMBEDDED_ROWS,
    /** The hidden layer of a head. */
    HEAD,
    /** What a head puts out. */
    LOGITS
  }

  // The largest parameter struct has 30 fields of 8 bytes.
  private static final long PARAMETER_BYTES = 512;

  private final NativeMemory memory = new NativeMemory();
  private final MemorySegment parameters = memory.allocate(PARAMETER_BYTES);
  private final GrowableBuffer[] buffers = new GrowableBuffer[Buffer.values().length];
  private final GrowableBuffer scratch;
  private final GrowableBuffer onHost = new GrowableBuffer();
  private final TokenBatch batch = new TokenBatch();
  private final TokenBatch queries = new TokenBatch();
  private final TokenBatch keys = new TokenBatch();
  private final Attention attention = new Attention();
  private final WorkspacePool pool;

  /** In the host's memory. */
  public Workspace() {
    this(null, UnaryOperator.identity());
  }

  /** In the memory of kernels, which outlive it. */
  public Workspace(Kernels kernels) {
    this(null, kernels::memory);
  }

  /**
   * @param place {@link Kernels#memory}
   */
  Workspace(WorkspacePool pool, UnaryOperator<NativeMemory> place) {
    this.pool = pool;
    for (int i = 0; i < buffers.length; i++) {
      buffers[i] = new GrowableBuffer(place);
    }
    scratch = new GrowableBuffer(place);
  }

  /** The batch of this pass. */
  public TokenBatch batch() {
    return batch;
  }

  /** The batch of the tokens that the last layer is computed for, where that is not all. */
  public TokenBatch queries() {
    return queries;
  }

  /** The batch of what the tokens of this pass attend to, where that is not themselves. */
  public TokenBatch keys() {
    return keys;
  }

  /** The arguments of the next attention call. */
  public Attention attention() {
    return attention;
  }

  /**
   * Room for at least {@code count} floats. The contents stay as they were unless the buffer grows,
   * in which case earlier segments of the same name are dead.
   */
  public MemorySegment floats(Buffer name, long count) {
    return buffers[name.ordinal()].ensure(Math.multiplyExact(count, (long) Float.BYTES));
  }

  /**
   * At least {@code bytes} bytes, aligned to {@link NativeMemory#ALIGNMENT}, for the length of one
   * kernel.
   */
  MemorySegment scratch(long bytes) {
    return scratch.ensure(bytes);
  }

  /**
   * The bytes that kernels have asked for beyond their inputs and outputs: those of the call that
   * asked for most.
   */
  public long scratchBytes() {
    return scratch.segment().byteSize();
  }

  /** At least {@code bytes} bytes of the host, for {@link Kernels#onHost}. */
  MemorySegment onHost(long bytes) {
    return onHost.ensure(bytes);
  }

  /** Room for the parameter struct or the results of one downcall. */
  MemorySegment parameters() {
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
      buffer.close();
    }
    scratch.close();
    onHost.close();
    batch.close();
    queries.close();
    keys.close();
    memory.close();
  }
}
