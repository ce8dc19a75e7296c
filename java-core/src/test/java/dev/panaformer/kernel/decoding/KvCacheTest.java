package dev.panaformer.kernel.decoding;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class KvCacheTest {
  private static final int BLOCKS = 6;
  private static final int BLOCK_TOKENS = 4;

  /** Each token has two floats in each of two layers. */
  private final KvCache cache = new KvCache(2, 1, 1, BLOCKS, BLOCK_TOKENS);

  @AfterEach
  void close() {
    assertEquals(BLOCKS, cache.freeBlocks());
    cache.close();
  }

  private static void append(KvCache.Sequence sequence, int tokens) {
    sequence.reserve(tokens);
    sequence.advance(tokens);
  }

  private void write(KvCache.Sequence sequence, int position, float key) {
    cache.layer(1).memory().setAtIndex(JAVA_FLOAT, offset(sequence, position), key);
  }

  private float read(KvCache.Sequence sequence, int position) {
    return cache.layer(1).memory().getAtIndex(JAVA_FLOAT, offset(sequence, position));
  }

  private static long offset(KvCache.Sequence sequence, int position) {
    int slot = sequence.slot(position);
    return (slot / BLOCK_TOKENS) * 2L * BLOCK_TOKENS + slot % BLOCK_TOKENS;
  }

  @Test
  void takesAndReturnsBlocks() {
    KvCache.Sequence sequence = cache.open();
    assertEquals(BLOCKS, cache.freeBlocks());
    append(sequence, 4);
    assertEquals(1, sequence.blocks());
    append(sequence, 5);
    assertEquals(3, sequence.blocks());
    assertEquals(9, sequence.length());
    sequence.truncate(5);
    assertEquals(BLOCKS - 2, cache.freeBlocks());
    assertThrows(IllegalArgumentException.class, () -> sequence.truncate(6));
    sequence.close();
    sequence.close();
  }

  @Test
  @Timeout(60)
  void threadsShareTheBlocksAndNotWhatIsInThem() throws Exception {
    try (KvCache shared = new KvCache(2, 1, 1, 64, BLOCK_TOKENS);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<Integer>> forks = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        int first = thread << 20;
        forks.add(threads.submit(() -> fillAndFork(shared, first)));
      }
      for (Future<Integer> count : forks) {
        assertTrue(count.get() > 0);
      }
      assertEquals(64, shared.freeBlocks());
    }
  }

  /** Writes sequences, and checks that they and their forks keep what was written. */
  private static int fillAndFork(KvCache cache, int first) {
    Random random = new Random(first);
    int forks = 0;
    for (int round = 0; round < 2000; round++) {
      int mark = first + round;
      try (KvCache.Sequence text = cache.open()) {
        int length = 1 + random.nextInt(40);
        fill(cache, text, length, mark);
        try (KvCache.Sequence fork = text.fork()) {
          int cut = 1 + random.nextInt(length);
          fork.truncate(cut);
          fill(cache, fork, 1 + random.nextInt(8), -mark);
          assertMarked(cache, fork, 0, cut, mark);
          assertMarked(cache, fork, cut, fork.length(), -mark);
          forks++;
        }
        assertMarked(cache, text, 0, length, mark);
      } catch (BlocksExhaustedException e) {
        // The other threads hold the blocks at the moment.
        Thread.onSpinWait();
      }
    }
    return forks;
  }

  private static void fill(KvCache cache, KvCache.Sequence text, int tokens, int mark) {
    int from = text.length();
    append(text, tokens);
    for (int i = from; i < from + tokens; i++) {
      cache.layer(1).memory().setAtIndex(JAVA_FLOAT, offset(text, i), mark);
    }
  }

  private static void assertMarked(
      KvCache cache, KvCache.Sequence text, int from, int to, int mark) {
    for (int i = from; i < to; i++) {
      assertEquals(mark, cache.layer(1).memory().getAtIndex(JAVA_FLOAT, offset(text, i)));
    }
  }

  @Test
  void exhaustionChangesNothing() {
    try (KvCache.Sequence a = cache.open();
        KvCache.Sequence b = cache.open()) {
      append(a, 18);
      Exception e = assertThrows(BlocksExhaustedException.class, () -> b.reserve(5));
      assertEquals("2 blocks of the key-value cache asked for, 1 of 6 free", e.getMessage());
      assertEquals(0, b.blocks());
      append(b, 4);
      append(a, 2);
    }
  }

  @Test
  void aForkSharesUntilItWrites() {
    try (KvCache.Sequence first = cache.open()) {
      append(first, 6);
      write(first, 1, 11);
      write(first, 5, 15);
      try (KvCache.Sequence second = first.fork()) {
        assertEquals(BLOCKS - 2, cache.freeBlocks());
        append(second, 1);
        write(second, 6, 26);
        assertEquals(BLOCKS - 3, cache.freeBlocks());
        assertEquals(first.block(0), second.block(0));
        assertNotEquals(first.block(1), second.block(1));
        assertEquals(11, read(second, 1));
        assertEquals(15, read(second, 5));
        append(first, 1);
        write(first, 6, 16);
        assertEquals(26, read(second, 6));
        assertEquals(BLOCKS - 3, cache.freeBlocks());
      }
      assertEquals(BLOCKS - 2, cache.freeBlocks());
    }
  }

  @Test
  void aForkThatIsCutMayWriteIntoItsLastBlock() {
    try (KvCache.Sequence first = cache.open()) {
      append(first, 8);
      write(first, 6, 16);
      try (KvCache.Sequence second = first.fork()) {
        second.truncate(6);
        append(second, 1);
        write(second, 6, 26);
        assertEquals(16, read(first, 6));
      }
    }
  }

  @Test
  void exhaustionWhileCopyingChangesNothing() {
    try (KvCache.Sequence first = cache.open()) {
      append(first, 22);
      try (KvCache.Sequence second = first.fork()) {
        assertThrows(BlocksExhaustedException.class, () -> second.reserve(1));
        assertEquals(first.block(5), second.block(5));
      }
      append(first, 1);
    }
  }

  @Test
  void aBatchKnowsSlotsAndTables() {
    try (KvCache.Sequence a = cache.open();
        KvCache.Sequence b = cache.open();
        DecoderBatch batch = new DecoderBatch()) {
      batch.add(a, new int[] {7, 8, 9}, 0, 3);
      batch.add(b, new int[] {1, 2, 3, 4, 5, 6}, 1, 6);
      batch.clear();
      batch.add(b, new int[] {6}, 0, 1);
      batch.add(a, new int[] {10, 11}, 0, 2);
      assertEquals(2, batch.sequences());
      assertEquals(3, batch.tokens().tokens());
      assertEquals(5, batch.tokens().positionIds().getAtIndex(JAVA_INT, 0));
      assertEquals(a.slot(4), batch.slots().getAtIndex(JAVA_INT, 2));
      assertEquals(6, batch.kvLengths().getAtIndex(JAVA_INT, 0));
      assertEquals(5, batch.kvLengths().getAtIndex(JAVA_INT, 1));
      assertEquals(2, batch.blockTableStride());
      assertEquals(b.block(1), batch.blockTables().getAtIndex(JAVA_INT, 1));
      assertEquals(a.block(0), batch.blockTables().getAtIndex(JAVA_INT, 2));
    }
  }

  @Test
  void refusesSizesThatAreNone() {
    assertThrows(IllegalArgumentException.class, () -> new KvCache(1, 1, 1, 0, 4));
    assertThrows(ArithmeticException.class, () -> new KvCache(1, 1, 1, 1 << 20, 1 << 20));
  }
}
