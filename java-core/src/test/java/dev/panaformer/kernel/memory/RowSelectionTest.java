package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class RowSelectionTest {
  private static TokenBatch batch(int... lengths) {
    TokenBatch batch = new TokenBatch();
    for (int length : lengths) {
      for (int t = 0; t < length; t++) {
        batch.add(0, t, 0);
      }
      batch.endSequence();
    }
    return batch;
  }

  @Test
  void allRowsAreThoseOfTheBatch() {
    try (TokenBatch batch = batch(3, 0, 2);
        RowSelection rows = new RowSelection().all(batch)) {
      assertTrue(rows.isAll());
      assertEquals(5, rows.count());
      assertEquals(3, rows.lengths().start(2));
      assertThrows(IllegalStateException.class, rows::rows);
      batch.add(0, 2, 0);
      assertEquals(6, rows.count());
    }
  }

  @Test
  void theFirstRowsOfEachSequence() {
    try (TokenBatch batch = batch(3, 0, 1);
        RowSelection rows = new RowSelection().firstOf(batch, 2)) {
      assertFalse(rows.isAll());
      assertEquals(3, rows.count());
      assertEquals(2, rows.lengths().length(0));
      assertEquals(0, rows.lengths().length(1));
      assertEquals(1, rows.lengths().length(2));
      assertEquals(3, rows.rows().row(2));
      assertEquals(4, rows.rows().sourceRows());
    }
  }

  @Test
  void retainedRowsMoveToTheFront() {
    try (TokenBatch batch = batch(2, 2);
        RowSelection rows = new RowSelection().firstOf(batch, 1);
        Workspace workspace = new Workspace();
        NativeMemory memory = new NativeMemory()) {
      MemorySegment x = memory.allocateFrom(JAVA_FLOAT, 0, 1, 2, 3, 4, 5, 6, 7);
      TensorMemory.HOST.retainRows(x, 2, rows.rows(), workspace);
      float[] retained = x.asSlice(0, 4 * Float.BYTES).toArray(JAVA_FLOAT);
      assertArrayEquals(new float[] {0, 1, 4, 5}, retained);
    }
  }

  @Test
  void rowsThatATensorLacksAreRefused() {
    try (RowOrder order = new RowOrder();
        Workspace workspace = new Workspace();
        NativeMemory memory = new NativeMemory()) {
      assertThrows(IndexOutOfBoundsException.class, () -> order.add(-1));
      order.add(2);
      MemorySegment x = memory.allocate(4 * Float.BYTES);
      MemorySegment y = memory.allocate(2 * Float.BYTES);
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> TensorMemory.HOST.gather(x, 2, order, y, workspace));
    }
  }
}
