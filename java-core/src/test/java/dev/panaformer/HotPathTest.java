package dev.panaformer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.RowSelection;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.model.text.BertModel;
import dev.panaformer.nn.Trace;
import dev.panaformer.nn.weights.Weights;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Once warm, a pass allocates nothing: neither on the heap nor, its buffers being there, off it.
 */
class HotPathTest {
  private static final int[] IDS = {2, 31, 32, 6, 7, 8, 3};
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TempDir Path folder;

  @Test
  void forwardAllocatesNothing() {
    ModelFolder model = ModelFolder.open(new TinyModel("BertModel").write(folder));
    BertConfig config = BertConfig.of(model.config());
    try (Kernels kernels = NativeKernels.create(Isa.AUTO, 2);
        NativeMemory memory = new NativeMemory();
        Checkpoint checkpoint = model.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.family().weightNames());
        Workspace workspace = new Workspace()) {
      BertModel bert = BertModel.load(weights, config);
      assertAllocatesNothing(() -> {
        workspace.batch().clear();
        bert.append(workspace.batch(), IDS);
        bert.append(workspace.batch(), IDS);
        bert.forward(workspace.batch(), workspace);
        RowSelection queries = RowSelection.in(workspace).firstOf(workspace.batch(), 1);
        bert.hiddenStates(workspace.batch(), queries, workspace, Trace.NONE);
      });
    }
  }

  @Test
  void embedAllocatesNothing() {
    new TinyModel("BertModel").write(folder);
    ModelOptions options = ModelOptions.DEFAULT.withBackend(Backend.NATIVE);
    try (TextEmbedder embedder = TextEmbedder.load(folder, options)) {
      float[] vector = new float[embedder.dimension()];
      assertAllocatesNothing(() -> embedder.embed(IDS, vector));
    }
  }

  private static void assertAllocatesNothing(Runnable pass) {
    // Until the compiler has been over it, method handles and loops allocate their frames.
    for (int i = 0; i < 20_000; i++) {
      pass.run();
    }
    long least = Long.MAX_VALUE;
    // A compiler thread may still swap code below us; one clean stretch is proof enough.
    for (int attempt = 0; attempt < 100 && least > 0; attempt++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 1000; i++) {
        pass.run();
      }
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    assertEquals(0, least, "bytes in 1000 passes");
  }
}
