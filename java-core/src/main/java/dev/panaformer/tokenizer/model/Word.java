package dev.panaformer.tokenizer.model;

import java.util.Arrays;

/** The symbols of a piece as a linked list in arrays, while BPE merges them. Not thread-safe. */
final class Word {
  /** Up to this many symbols, looking at all pairs for the next merge is faster than a heap. */
  private static final int SHORT = 24;

  private final Scratch scratch;
  int[] ids;
  int[] bytes;
  int[] next;
  private int[] previous;
  private int count;

  /**
   * @param chars the number of chars of the piece
   */
  Word(Scratch scratch, int chars) {
    this.scratch = scratch;
    scratch.reserve(chars + 1);
    takeArrays();
  }

  private void takeArrays() {
    ids = scratch.first;
    bytes = scratch.second;
    next = scratch.third;
    previous = scratch.fourth;
  }

  /** Appends a symbol that stands for some bytes of UTF-8. */
  void add(int id, int byteCount) {
    if (count == ids.length) {
      grow();
    }
    ids[count] = id;
    bytes[count] = byteCount;
    previous[count] = count - 1;
    next[count] = -1;
    if (count > 0) {
      next[count - 1] = count;
    }
    count++;
  }

  /** A character can have more symbols than chars, one for each byte. */
  private void grow() {
    int[][] old = {ids, bytes, next, previous};
    scratch.reserve(2 * count);
    takeArrays();
    System.arraycopy(old[0], 0, ids, 0, count);
    System.arraycopy(old[1], 0, bytes, 0, count);
    System.arraycopy(old[2], 0, next, 0, count);
    System.arraycopy(old[3], 0, previous, 0, count);
  }

  /** The first symbol, or -1 if there is none. It never merges into another. */
  int first() {
    return count == 0 ? -1 : 0;
  }

  void merge(MergeTable merges) {
    if (count <= SHORT) {
      mergeShort(merges);
    } else {
      mergeLong(merges);
    }
  }

  private void mergeShort(MergeTable merges) {
    while (true) {
      int best = -1;
      int bestPlace = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = first(); i >= 0 && next[i] >= 0; i = next[i]) {
        int place = merges.find(ids[i], ids[next[i]]);
        if (place >= 0 && merges.rank(place) < bestRank) {
          best = i;
          bestPlace = place;
          bestRank = merges.rank(place);
        }
      }
      if (best < 0) {
        return;
      }
      join(best, merges.merged(bestPlace));
    }
  }

  /** Merges a symbol with the one after it. */
  private void join(int symbol, int id) {
    int removed = next[symbol];
    ids[symbol] = id;
    bytes[symbol] += bytes[removed];
    next[symbol] = next[removed];
    if (next[removed] >= 0) {
      previous[next[removed]] = symbol;
    }
    ids[removed] = -1;
  }

  /** A heap of ranks, each with the symbol that the merge begins at. */
  private void mergeLong(MergeTable merges) {
    Heap heap = new Heap(scratch);
    for (int i = 0; i + 1 < count; i++) {
      push(i, merges, heap);
    }
    while (heap.size > 0) {
      long entry = heap.pop();
      int symbol = (int) entry;
      if (ids[symbol] < 0 || next[symbol] < 0) {
        continue;
      }
      int place = merges.find(ids[symbol], ids[next[symbol]]);
      if (place < 0 || merges.rank(place) != (int) (entry >>> 32)) {
        continue; // The symbols have changed since.
      }
      join(symbol, merges.merged(place));
      if (previous[symbol] >= 0) {
        push(previous[symbol], merges, heap);
      }
      if (next[symbol] >= 0) {
        push(symbol, merges, heap);
      }
    }
  }

  private void push(int symbol, MergeTable merges, Heap heap) {
    int place = merges.find(ids[symbol], ids[next[symbol]]);
    if (place >= 0) {
      heap.push((long) merges.rank(place) << 32 | symbol);
    }
  }

  /** A binary heap whose least element comes first. */
  private static final class Heap {
    private final Scratch scratch;
    private int size;

    Heap(Scratch scratch) {
      this.scratch = scratch;
    }

    void push(long entry) {
      if (size == scratch.heap.length) {
        scratch.heap = Arrays.copyOf(scratch.heap, Math.max(64, 2 * size));
      }
      long[] heap = scratch.heap;
      int i = size++;
      while (i > 0 && heap[i - 1 >> 1] > entry) {
        heap[i] = heap[i - 1 >> 1];
        i = i - 1 >> 1;
      }
      heap[i] = entry;
    }

    long pop() {
      long[] heap = scratch.heap;
      long least = heap[0];
      long last = heap[--size];
      int i = 0;
      while (2 * i + 1 < size) {
        int child = 2 * i + 1;
        if (child + 1 < size && heap[child + 1] < heap[child]) {
          child++;
        }
        if (heap[child] >= last) {
          break;
        }
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = last;
      return least;
    }
  }
}
