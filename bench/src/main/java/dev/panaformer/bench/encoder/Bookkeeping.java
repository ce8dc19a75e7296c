package dev.panaformer.bench.encoder;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.engine.Isa;
import dev.panaformer.kernel.memory.Buffer;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.kernel.memory.TokenBatch;
import dev.panaformer.kernel.memory.Workspace;
import dev.panaformer.kernel.memory.WorkspacePool;
import dev.panaformer.model.text.BertConfig;
import dev.panaformer.model.text.BertModel;
import dev.panaformer.nn.weights.Weights;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Random;

/**
 * Measures the time that Java and calls to native code add to a forward pass of all-MiniLM-L6-v2.
 * It runs the same pass over a batch whose sequence is empty. Every check and every downcall is
 * made, but each kernel returns at once because there are no tokens. The result includes the
 * kernels' own checks, so it is an upper bound.
 */
public final class Bookkeeping implements AutoCloseable {
  private static final Buffer HIDDEN = Buffer.named("hidden states");
  private final Kernels kernels;
  private final NativeMemory memory = new NativeMemory();
  private final WorkspacePool workspaces = new WorkspacePool("benchmark", 1);
  private final BertModel model;
  private final int[] ids;
  private final float[] vector;

  public Bookkeeping(Path folder, int threads, int tokens) {
    kernels = NativeKernels.create(Isa.AUTO, threads);
    ModelFolder files = ModelFolder.open(folder);
    BertConfig config = BertConfig.of(files.config());
    try (Checkpoint checkpoint = files.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.family().weightNames())) {
      model = BertModel.load(weights, config);
    }
    ids = TokenIds.sequence(tokens, new Random(tokens));
    vector = new float[config.hiddenSize()];
  }

  /** Runs a forward pass from ids to the last hidden states, and copies one row. */
  public float[] forward() {
    try (Workspace workspace = workspaces.lease()) {
      TokenBatch batch = workspace.batch();
      batch.clear();
      model.append(batch, ids);
      return copy(model.forward(batch, workspace));
    }
  }

  /** Runs the same pass over an empty sequence, so that no arithmetic is done. */
  public float[] withoutTokens() {
    try (Workspace workspace = workspaces.lease()) {
      TokenBatch batch = workspace.batch();
      batch.clear();
      model.append(batch, ids);
      batch.clear();
      batch.endSequence();
      model.forward(batch, workspace);
      return copy(workspace.floats(HIDDEN, vector.length));
    }
  }

  private float[] copy(MemorySegment x) {
    MemorySegment.copy(x, JAVA_FLOAT, 0, vector, 0, vector.length);
    return vector;
  }

  @Override
  public void close() {
    workspaces.close();
    memory.close();
    kernels.close();
  }
}
