package dev.panaformer.kernel.decoding;

import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TensorMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The keys and values of tokens already computed, of all layers, in blocks of a fixed number of
 * tokens (Kwon et al. 2023). All memory is taken at once; sequences take blocks as they grow and
 * give them back, whichever are free, so that a long-running service neither fragments nor grows.
 *
 * <p>A layer is {@code [blocks, 2, kvHeads, blockTokens, headDim]} float32, keys before values.
 *
 * <p>Sequences may be used by different threads, each by one at a time. {@link #close} frees the
 * memory; no sequence may be in use.
 */
public final class KvCache implements AutoCloseable {
  private final NativeMemory memory;
  private final TensorMemory tensors;
  private final Layer[] layers;
  private final int kvHeads;
  private final int headDim;
  private final int blockTokens;
  private final long blockBytes;

  // Guarded by this.
  private final int[] owners;
  private final int[] free;
  private int freeCount;

  /** In host memory. */
  public KvCache(int layers, int kvHeads, int headDim, int blocks, int blockTokens) {
    this(layers, kvHeads, headDim, blocks, blockTokens, TensorMemory.HOST);
  }

  /**
   * @param blocks how many there are of {@code blockTokens} tokens each; at most 2^31 - 1 tokens
   *     together
   * @param tensors the memory of the kernels that read and write it, which outlive it
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
    this.owners = new int[blocks];
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

  /** The keys and values of a layer. */
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
    return owners.length;
  }

  public int blockTokens() {
    return blockTokens;
  }

  /** Blocks that no sequence has. */
  public synchronized int freeBlocks() {
    return freeCount;
  }

  /** A sequence without tokens, which takes no block yet. */
  public Sequence open() {
    return new Sequence();
  }

  private synchronized void take(int count, int[] into, int at) {
    if (count > freeCount) {
      throw new CacheExhaustedException(count, freeCount, owners.length);
    }
    for (int i = 0; i < count; i++) {
      int block = free[--freeCount];
      owners[block] = 1;
      into[at + i] = block;
    }
  }

  private synchronized void share(int[] blocks, int count) {
    for (int i = 0; i < count; i++) {
      owners[blocks[i]]++;
    }
  }

  private synchronized void giveBack(int[] blocks, int from, int to) {
    for (int i = from; i < to; i++) {
      if (--owners[blocks[i]] == 0) {
        free[freeCount++] = blocks[i];
      }
    }
  }

  private synchronized boolean isShared(int block) {
    return owners[block] > 1;
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
      return owners.length;
    }

    public int blockTokens() {
      return blockTokens;
    }

    /** Where the key of a head begins for the token in a slot, in floats. */
    public long key(int slot, int head) {
      return offset(slot, 0, head);
    }

    /** Where the key (part 0) or value (1) of a head begins for the token in a slot, in floats. */
    long offset(int slot, int part, int head) {
      long block = slot / blockTokens;
      long row = ((block * 2 + part) * kvHeads + head) * blockTokens;
      return (row + slot % blockTokens) * headDim;
    }
  }

  /** The tokens of one text in the cache. Not thread-safe. */
  public final class Sequence implements AutoCloseable {
    private int[] blocks = new int[4];
    private int count;
    private int length;

    private Sequence() {}

    /** Tokens that are in the cache. */
    public int length() {
      return length;
    }

    /** Blocks that it has, shared ones included. */
    public int blocks() {
      return count;
    }

    /** Its {@code i}-th block. */
    public int block(int i) {
      return blocks[i];
    }

    /** Where its token {@code position} lies: block times {@link #blockTokens} plus offset. */
    public int slot(int position) {
      return blocks[position / blockTokens] * blockTokens + position % blockTokens;
    }

    /**
     * Takes the blocks for more tokens. A block that is shared and would be written into is
     * replaced by a copy.
     *
     * @throws CacheExhaustedException if there are too few; nothing is changed then
     */
    public void reserve(int tokens) {
      if (tokens == 0) {
        return;
      }
      int needed = Math.toIntExact(((long) length + tokens - 1) / blockTokens + 1);
      int last = length / blockTokens;
      // The block of the next token, if it is there already, and shared, is to be copied.
      int copies = last < count && isShared(blocks[last]) ? 1 : 0;
      int added = Math.max(0, needed - count);
      if (copies + added == 0) {
        return;
      }
      int[] taken = new int[copies + added];
      take(taken.length, taken, 0);
      if (copies > 0) {
        copyBlock(blocks[last], taken[added]);
        giveBack(blocks, last, last + 1);
        blocks[last] = taken[added];
      }
      if (needed > blocks.length) {
        blocks = Arrays.copyOf(blocks, Math.max(needed, 2 * blocks.length));
      }
      System.arraycopy(taken, 0, blocks, count, added);
      count += added;
    }

    /** Counts tokens that a pass writes into what was reserved for them. */
    void advance(int tokens) {
      length += tokens;
    }

    /** The same tokens once more, in the same blocks until one of both writes into them. */
    public Sequence fork() {
      Sequence fork = new Sequence();
      share(blocks, count);
      fork.blocks = blocks.clone();
      fork.count = count;
      fork.length = length;
      return fork;
    }

    /**
     * Forgets the tokens from {@code length} on and gives back the blocks that hold nothing else.
     *
     * @throws IllegalArgumentException if there are not so many
     */
    public void truncate(int length) {
      if (length < 0 || length > this.length) {
        throw new IllegalArgumentException(
            "cannot truncate a sequence of " + this.length + " tokens to " + length);
      }
      this.length = length;
      int kept = (length + blockTokens - 1) / blockTokens;
      giveBack(blocks, kept, count);
      count = kept;
    }

    /** Gives all blocks back. Closing again does nothing. */
    @Override
    public void close() {
      truncate(0);
    }
  }
}
