package dev.panaformer.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class WorkspaceTest {
  private static final Buffer ONE = Buffer.named("one");
  private static final Buffer OTHER = Buffer.named("other");
  private static final Reused<TokenBatch> BATCH = Reused.of(TokenBatch::new);

  @Test
  void buffersArePoisonedWheneverTheyAreAskedFor() {
    assertTrue(Poison.ON, "the system property " + Poison.PROPERTY + " of this module's tests");
    int floats = 200_000;
    try (Workspace workspace = new Workspace()) {
      for (int round = 0; round < 2; round++) {
        MemorySegment buffer = workspace.floats(ONE, floats);
        for (int i = 0; i < floats; i++) {
          assertTrue(Float.isNaN(buffer.getAtIndex(JAVA_FLOAT, i)));
          buffer.setAtIndex(JAVA_FLOAT, i, 1);
        }
      }
    }
  }

  @Test
  void buffersGrowAndDoNotOverlap() {
    try (Workspace workspace = new Workspace()) {
      long first = workspace.floats(ONE, 10).address();
      assertEquals(first, workspace.floats(ONE, 5).address());
      assertNotEquals(first, workspace.floats(OTHER, 10).address());
      assertTrue(workspace.floats(ONE, 5000).byteSize() >= 5000 * Float.BYTES);
    }
  }

  @Test
  void everyWorkspaceHasItsOwnReusedObject() {
    try (Workspace workspace = new Workspace();
        Workspace another = new Workspace()) {
      TokenBatch batch = workspace.reused(BATCH);
      assertSame(batch, workspace.reused(BATCH));
      assertTrue(batch != another.reused(BATCH));
    }
  }
}
