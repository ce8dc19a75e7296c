package dev.panaformer.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KvCacheTest {
  private static final int BLOCKS = 6;
  private static final int BLOCK_TOKENS = 4;

  /** A token takes two floats of each of two layers. */
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
    cache.layer(1).setAtIndex(JAVA_FLOAT, offset(sequence, position), key);
  }

  private float read(KvCache.Sequence sequence, int position) {
    return cache.layer(1).getAtIndex(JAVA_FLOAT, offset(sequence, position));
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
  void exhaustionChangesNothing() {
    try (KvCache.Sequence a = cache.open();
        KvCache.Sequence b = cache.open()) {
      append(a, 18);
      Exception e = assertThrows(CacheExhaustedException.class, () -> b.reserve(5));
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
        assertThrows(CacheExhaustedException.class, () -> second.reserve(1));
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
