package dev.panaformer.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.kernel.JavaKernels;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PassTest {
  private final Kernels kernels = new JavaKernels();
  private final Workspace workspace = new Workspace();

  @AfterEach
  void close() {
    workspace.close();
    kernels.close();
  }

  private TokenBatch batch() {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int t = 0; t < 3; t++) {
      batch.add(0, t, 0);
    }
    batch.endSequence();
    return batch;
  }

  @Test
  void theLastLayerComputesTheWantedRowsAlone() {
    Pass pass = Pass.of(kernels, workspace, batch(), Trace.NONE).wantFirst(1);
    assertTrue(pass.rows().isAll());
    pass.enterLayer(0, 2);
    assertTrue(pass.rows().isAll());
    pass.enterLayer(1, 2);
    assertEquals(1, pass.layer());
    assertEquals(1, pass.rows().count());
    pass.computeAllRows();
    assertEquals(3, pass.rows().count());
    assertEquals(1, pass.wanted().count());
  }

  @Test
  void aTracedPassComputesAllRows() {
    List<String> told = new ArrayList<>();
    Trace trace = (name, values, shape) -> told.add(name + " " + List.of(shape[0], shape[1]));
    Pass pass = Pass.of(kernels, workspace, batch(), trace.prefixed("a_")).wantFirst(1);
    pass.enterLayer(1, 2);
    assertTrue(pass.isTraced());
    assertTrue(pass.rows().isAll());
    pass.report("x", MemorySegment.NULL, 3, 4);
    pass.report("x", 1, MemorySegment.NULL, 3, 4);
    assertEquals(List.of("a_x [3, 4]", "a_x.1 [3, 4]"), told);
  }

  @Test
  void aWorkspaceReusesItsPass() {
    Pass pass = Pass.of(kernels, workspace, batch(), Trace.NONE).wantFirst(1);
    pass.enterLayer(1, 2);
    assertSame(pass, Pass.of(kernels, workspace, batch(), Trace.NONE));
    assertFalse(pass.isTraced());
    assertTrue(pass.wanted().isAll());
    assertEquals(0, pass.layer());
    assertSame(Trace.NONE, Trace.NONE.prefixed("a_"));
    assertThrows(NullPointerException.class, () -> Pass.of(kernels, workspace, batch(), null));
  }
}
