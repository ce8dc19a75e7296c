package dev.panaformer.model.text;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Draws the random blocks of keys that a block of queries attends to in BigBird. They depend only
 * on a seed and the number of blocks. In training, the reference seeds NumPy's generator with the
 * index of the layer. With a seed of 0 this class draws the same blocks. Thread-safe.
 */
public final class RandomBlocks {
  /** Sequence lengths for which the reference draws blocks as the models of the paper do. */
  private static final int[] PAPER_TOKENS = {1024, 3072, 4096};

  private static final int PAPER_LAST_TOKEN = 1024;

  private final int seed;
  private final Map<Integer, int[][][][]> cache = new ConcurrentHashMap<>();

  /**
   * @param seed the seed of the first layer; each further layer adds 1
   */
  public RandomBlocks(int seed) {
    this.seed = seed;
  }

  /**
   * The random blocks {@code [layers][heads][blocks - 2][numRandomBlocks]}. They are drawn once for
   * each number of blocks. The caller must not write to the array.
   */
  public int[][][][] of(BigBird model, int blocks) {
    int[][][][] drawn = cache.get(blocks);
    if (drawn == null) {
      drawn = new int[model.numLayers()][][][];
      for (int layer = 0; layer < drawn.length; layer++) {
        drawn[layer] = draw(model, blocks, new NumpyRandom(seed + layer));
      }
      cache.put(blocks, drawn);
    }
    return drawn;
  }

  private static int[][][] draw(BigBird model, int blocks, NumpyRandom random) {
    int[][][] selected = new int[model.numHeads()][blocks - 2][model.numRandomBlocks()];
    long tokens = (long) blocks * model.blockSize();
    if (Arrays.stream(PAPER_TOKENS).anyMatch(length -> length == tokens)) {
      for (int[][] head : selected) {
        drawAsInPaper(model, head, random);
      }
    } else if (model.numRandomBlocks() > 0) {
      for (int block = 1; block < blocks - 1; block++) {
        for (int[][] head : selected) {
          drawAmongFirst(2 * model.numRandomBlocks() + 5, block, head[block - 1], random);
        }
      }
    }
    return selected;
  }

  /** Draws from the first {@code end} blocks, except those that the block attends to anyway. */
  private static void drawAmongFirst(int end, int block, int[] selected, NumpyRandom random) {
    int[] order = random.permutation(range(0, end));
    int count = 0;
    for (int i = 0; i < end && count < selected.length; i++) {
      boolean near = Math.abs(order[i] - block) <= 1;
      boolean ends = order[i] == 0 || order[i] == end - 1;
      boolean across = (block == 1 && order[i] == end - 2) || (block == end - 2 && order[i] == 1);
      if (!near && !ends && !across) {
        selected[count++] = order[i];
      }
    }
  }

  /**
   * Draws for the maximum length of the model. A shorter sequence uses the first blocks of that.
   */
  private static void drawAsInPaper(BigBird model, int[][] selected, NumpyRandom random) {
    int blocks = model.maxPositions() / model.blockSize();
    int last =
        PAPER_LAST_TOKEN > 2 * model.blockSize()
            ? PAPER_LAST_TOKEN / model.blockSize() - 1
            : blocks - 1;
    for (int block = 1; block < blocks - 1; block++) {
      int[] order = random.permutation(candidates(block, blocks, last));
      if (block <= selected.length) {
        int count = Math.min(order.length, selected[block - 1].length);
        System.arraycopy(order, 0, selected[block - 1], 0, count);
      }
    }
  }

  /**
   * The blocks from 1 to {@code blocks - 2} without the block and its neighbours. Blocks count from
   * 0.
   */
  private static int[] candidates(int block, int blocks, int last) {
    int[] middle = range(1, blocks - 1);
    int start = block - 2;
    if (block == 1 || block == 2) {
      return slice(middle, block + 1, last);
    } else if (block >= blocks - 3) {
      return slice(middle, 0, last);
    } else if (start > last || block + 1 == last) {
      return slice(middle, 0, Math.min(start, last));
    }
    int[] before = slice(middle, 0, start);
    int[] behind = slice(middle, block + 1, last);
    int[] both = Arrays.copyOf(before, before.length + behind.length);
    System.arraycopy(behind, 0, both, before.length, behind.length);
    return both;
  }

  private static int[] range(int begin, int end) {
    int[] range = new int[Math.max(0, end - begin)];
    for (int i = 0; i < range.length; i++) {
      range[i] = begin + i;
    }
    return range;
  }

  /** The elements from {@code begin} to {@code end}, exclusive, or to the end of the array. */
  private static int[] slice(int[] values, int begin, int end) {
    int stop = Math.min(end, values.length);
    return begin < stop ? Arrays.copyOfRange(values, begin, stop) : new int[0];
  }

  /** NumPy's RandomState: the generator MT19937 (Matsumoto, Nishimura 1998) and NumPy's shuffle. */
  private static final class NumpyRandom {
    private static final int WORDS = 624;
    private static final int SHIFT = 397;

    private final int[] state = new int[WORDS];
    private int next = WORDS;

    NumpyRandom(int seed) {
      state[0] = seed;
      for (int i = 1; i < WORDS; i++) {
        state[i] = 1812433253 * (state[i - 1] ^ (state[i - 1] >>> 30)) + i;
      }
    }

    private int bits() {
      if (next == WORDS) {
        for (int i = 0; i < WORDS; i++) {
          int y = (state[i] & 0x80000000) | (state[(i + 1) % WORDS] & 0x7fffffff);
          state[i] = state[(i + SHIFT) % WORDS] ^ (y >>> 1) ^ ((y & 1) != 0 ? 0x9908b0df : 0);
        }
        next = 0;
      }
      int y = state[next++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return y ^ (y >>> 18);
    }

    /**
     * A random integer from 0 to {@code most}, inclusive. Draws of as many bits as {@code most} has
     * are rejected until one is not larger.
     */
    private int interval(int most) {
      int mask = most == 0 ? 0 : -1 >>> Integer.numberOfLeadingZeros(most);
      int value;
      do {
        value = bits() & mask;
      } while (value > most);
      return value;
    }

    /** Shuffles the array in place and returns it. */
    int[] permutation(int[] values) {
      for (int i = values.length - 1; i > 0; i--) {
        int j = interval(i);
        int swapped = values[i];
        values[i] = values[j];
        values[j] = swapped;
      }
      return values;
    }
  }
}
