package dev.panaformer.model.text;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The blocks of keys that BigBird's blocks of queries see at random. They depend on a seed and the
 * number of blocks alone, and are what the reference draws in training, where it seeds NumPy's
 * generator with the number of the layer: a seed of 0 gives what a model was trained with.
 */
public final class RandomBlocks {
  /** Lengths for which the reference has the plan of the paper's models. */
  private static final int[] PAPER_TOKENS = {1024, 3072, 4096};

  private static final int PAPER_LAST_TOKEN = 1024;

  private final int seed;
  private final Map<Integer, int[][][][]> drawn = new ConcurrentHashMap<>();

  /**
   * @param seed of the first layer, the next of the next
   */
  public RandomBlocks(int seed) {
    this.seed = seed;
  }

  /**
   * {@code [layers][heads][blocks - 2][numRandomBlocks]}, drawn once for each number of blocks. Not
   * to be written.
   */
  public int[][][][] of(BigBird model, int blocks) {
    int[][][][] known = drawn.get(blocks);
    if (known == null) {
      known = new int[model.numLayers()][][][];
      for (int layer = 0; layer < known.length; layer++) {
        known[layer] = draw(model, blocks, new NumpyRandom(seed + layer));
      }
      drawn.put(blocks, known);
    }
    return known;
  }

  private static int[][][] draw(BigBird model, int blocks, NumpyRandom random) {
    int[][][] seen = new int[model.numHeads()][blocks - 2][model.numRandomBlocks()];
    long tokens = (long) blocks * model.blockSize();
    if (Arrays.stream(PAPER_TOKENS).anyMatch(length -> length == tokens)) {
      for (int[][] head : seen) {
        drawAsInPaper(model, head, random);
      }
    } else if (model.numRandomBlocks() > 0) {
      for (int block = 1; block < blocks - 1; block++) {
        for (int[][] head : seen) {
          drawAmongFirst(2 * model.numRandomBlocks() + 5, block, head[block - 1], random);
        }
      }
    }
    return seen;
  }

  /** Of the first {@code end} blocks, those that the block does not see anyway. */
  private static void drawAmongFirst(int end, int block, int[] seen, NumpyRandom random) {
    int[] order = random.permutation(range(0, end));
    int count = 0;
    for (int i = 0; i < end && count < seen.length; i++) {
      boolean near = Math.abs(order[i] - block) <= 1;
      boolean ends = order[i] == 0 || order[i] == end - 1;
      boolean across = (block == 1 && order[i] == end - 2) || (block == end - 2 && order[i] == 1);
      if (!near && !ends && !across) {
        seen[count++] = order[i];
      }
    }
  }

  /** For all positions that the model has, of which the sequence takes the first. */
  private static void drawAsInPaper(BigBird model, int[][] seen, NumpyRandom random) {
    int blocks = model.maxPositions() / model.blockSize();
    int last =
        PAPER_LAST_TOKEN > 2 * model.blockSize()
            ? PAPER_LAST_TOKEN / model.blockSize() - 1
            : blocks - 1;
    for (int block = 1; block < blocks - 1; block++) {
      int[] order = random.permutation(candidates(block, blocks, last));
      if (block <= seen.length) {
        int count = Math.min(order.length, seen[block - 1].length);
        System.arraycopy(order, 0, seen[block - 1], 0, count);
      }
    }
  }

  /** Blocks 1 to {@code blocks - 2}, numbered from 0, without those around the block. */
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

  /** The elements from {@code begin} up to {@code end}, as far as the array has them. */
  private static int[] slice(int[] values, int begin, int end) {
    int stop = Math.min(end, values.length);
    return begin < stop ? Arrays.copyOfRange(values, begin, stop) : new int[0];
  }

  /** NumPy's RandomState: MT19937 (Matsumoto, Nishimura 1998), and its way to shuffle. */
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

    /** From 0 to {@code most}: the first that fits its bits. */
    private int interval(int most) {
      int mask = most == 0 ? 0 : -1 >>> Integer.numberOfLeadingZeros(most);
      int value;
      do {
        value = bits() & mask;
      } while (value > most);
      return value;
    }

    /** Shuffles the values, and returns them. */
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
