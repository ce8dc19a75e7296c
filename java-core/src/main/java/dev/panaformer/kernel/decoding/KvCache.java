package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TensorMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A paged key-value cache (Kwon et al. 2023). It holds the keys and values of the tokens already
 * computed, for all layers, in blocks of a fixed number of tokens. All memory is allocated at
 * construction. Sequences allocate blocks as they grow and release them later; any free block will
 * do. A long-running service therefore neither fragments nor grows.
 *
 * <p>A layer is {@code [blocks, 2, kvHeads, blockTokens, headDim]} float32, keys before values.
 *
 * <p>Different threads may use different sequences at once; a sequence must be used by one thread
 * at a time. {@link #close} frees the memory; no sequence may be in use then.
 */
public final class KvCache implements AutoCloseable {
  private final NativeMemory memory;
  private final TensorMemory tensors;
  private final Layer[] layers;
  private final int kvHeads;
  private final int headDim;
  private final int blockTokens;
  private final long blockBytes;

  // Guarded by this: the number of sequences that use each block, and a stack of the free blocks.
  private final int[] references;
  private final int[] free;
  private int freeCount;

  /** Creates a cache in host memory. */
  public KvCache(int layers, int kvHeads, int headDim, int blocks, int blockTokens) {
    this(layers, kvHeads, headDim, blocks, blockTokens, TensorMemory.HOST);
  }

  /**
   * Creates a cache.
   *
   * @param blocks the number of blocks of {@code blockTokens} tokens each; at most 2^31 - 1 tokens
   *     in total
   * @param tensors the memory of the kernels that use the cache; these kernels must outlive it
   */
  public KvCache(
      int layers, int kvHeads, int headDim, int blocks, int blockTokens, TensorMemory tensors) {
    if (layers < 1 || kvHeads < 1 || headDim < 1 || blocks < 1 || blockTokens < 1) {
      throw new IllegalArgumentException(
          String.format(
              "a cache of %d layers, %d heads of %d, %d blocks of %d tokens; at least 1 each",
              layers, kvHeads, headDim, blocks, blockTokens));
    }
    Math.multiplyExact(blocks, blockTokens);
    NativeMemory host = NativeMemory.onHugePages();
    this.memory = tensors.allocator(host);
    this.tensors = tensors;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.blockTokens = blockTokens;
    this.blockBytes = 2L * kvHeads * blockTokens * headDim * Float.BYTES;
    this.layers = new Layer[layers];
    this.references = new int[blocks];
    this.free = new int[blocks];
    try {
      for (int i = 0; i < layers; i++) {
        this.layers[i] = new Layer(memory.allocate(blocks * blockBytes, NativeMemory.ALIGNMENT));
      }
    } catch (Throwable e) {
      memory.close();
      throw e;
    }
    for (int i = 0; i < blocks; i++) {
      free[i] = blocks - 1 - i;
    }
    freeCount = blocks;
  }

  /** Returns the keys and values of a layer. */
  public Layer layer(int layer) {
    return layers[layer];
  }

  public int kvHeads() {
    return kvHeads;
  }

  public int headDim() {
    return headDim;
  }

  public int blocks() {
    return references.length;
  }

  public int blockTokens() {
    return blockTokens;
  }

  /** Returns the number of free blocks. */
  public synchronized int freeBlocks() {
    return freeCount;
  }

  /** Creates a sequence without tokens and blocks. */
  public Sequence open() {
    return new Sequence();
  }

  private synchronized void allocate(int count, int[] into, int at) {
    if (count > freeCount) {
      throw new BlocksExhaustedException(count, freeCount, references.length);
    }
    for (int i = 0; i < count; i++) {
      int block = free[--freeCount];
      references[block] = 1;
      into[at + i] = block;
    }
  }

  private synchronized void share(int[] blocks, int count) {
    for (int i = 0; i < count; i++) {
      references[blocks[i]]++;
    }
  }

  private synchronized void release(int[] blocks, int from, int to) {
    for (int i = from; i < to; i++) {
      if (--references[blocks[i]] == 0) {
        free[freeCount++] = blocks[i];
      }
    }
  }

  private synchronized boolean isShared(int block) {
    return references[block] > 1;
  }

  private void copyBlock(int from, int to) {
    long floats = blockBytes / Float.BYTES;
    for (Layer layer : layers) {
      tensors.copy(layer.memory, from * floats, layer.memory, to * floats, floats);
    }
  }

  @Override
  public void close() {
    memory.close();
  }

  /** The keys and values of one layer, {@code [blocks, 2, kvHeads, blockTokens, headDim]}. */
  public final class Layer {
    private final MemorySegment memory;

    private Layer(MemorySegment memory) {
      this.memory = memory;
    }

    public MemorySegment memory() {
      return memory;
    }

    public int kvHeads() {
      return kvHeads;
    }

    public int headDim() {
      return headDim;
    }

    public int blocks() {
      return references.length;
    }

    public int blockTokens() {
      return blockTokens;
    }

    /** Returns the index of the first float of a head's key for the token in a slot. */
    public long key(int slot, int head) {
      return offset(slot, 0, head);
    }

    /**
     * Returns the index of the first float of a head's key (part 0) or value (part 1) for the token
     * in a slot.
     */
    long offset(int slot, int part, int head) {
      long block = slot / blockTokens;
      long row = ((block * 2 + part) * kvHeads + head) * blockTokens;
      return (row + slot % blockTokens) * headDim;
    }
  }

  /** The cached tokens of one sequence. Not thread-safe. */
  public final class Sequence implements AutoCloseable {
    private int[] blocks = new int[4];
    private int count;
    private int length;

    private Sequence() {}

    /** Returns the number of tokens in the cache. */
    public int length() {
      return length;
    }

    /** Returns the number of blocks, including shared ones. */
    public int blocks() {
      return count;
    }

    /** Returns the number of the {@code i}-th block. */
    public int block(int i) {
      return blocks[i];
    }

    /**
     * Returns the slot of the token at a position: the block times {@link #blockTokens}, plus the
     * offset within the block.
     */
    public int slot(int position) {
      return blocks[position / blockTokens] * blockTokens + position % blockTokens;
    }

    /**
     * Allocates blocks for {@code tokens} more tokens. If the next token would be written to a
     * block that is shared, the block is replaced by a copy.
     *
     * @throws BlocksExhaustedException if there are too few free blocks; nothing is changed then
     */
    public void reserve(int tokens) {
      if (tokens == 0) {
        return;
      }
      int needed = Math.toIntExact(((long) length + tokens - 1) / blockTokens + 1);
      int last = length / blockTokens;
      // The next token's block must be copied if it exists already and is shared.
      int copies = last < count && isShared(blocks[last]) ? 1 : 0;
      int added = Math.max(0, needed - count);
      if (copies + added == 0) {
        return;
      }
      int[] taken = new int[copies + added];
      allocate(taken.length, taken, 0);
      if (copies > 0) {
        copyBlock(blocks[last], taken[added]);
        release(blocks, last, last + 1);
        blocks[last] = taken[added];
      }
      if (needed > blocks.length) {
        blocks = Arrays.copyOf(blocks, Math.max(needed, 2 * blocks.length));
      }
      System.arraycopy(taken, 0, blocks, count, added);
      count += added;
    }

    /** Adds tokens to the length. Their blocks must have been reserved. */
    void advance(int tokens) {
      length += tokens;
    }

    /**
     * Creates a second sequence with the same tokens. Both share their blocks until one of them
     * writes to a block, which is then copied.
     */
    public Sequence fork() {
      Sequence fork = new Sequence();
      share(blocks, count);
      fork.blocks = blocks.clone();
      fork.count = count;
      fork.length = length;
      return fork;
    }

    /**
     * Removes the tokens from position {@code length} on and releases the blocks that hold no other
     * token.
     *
     * @throws IllegalArgumentException if {@code length} is negative or larger than the present
     *     length
     */
    public void truncate(int length) {
      if (length < 0 || length > this.length) {
        throw new IllegalArgumentException(
            "cannot truncate a sequence of " + this.length + " tokens to " + length);
      }
      this.length = length;
      int kept = (length + blockTokens - 1) / blockTokens;
      release(blocks, kept, count);
      count = kept;
    }

    /** Releases all blocks. Closing again does nothing. */
    @Override
    public void close() {
      truncate(0);
    }
  }
}
