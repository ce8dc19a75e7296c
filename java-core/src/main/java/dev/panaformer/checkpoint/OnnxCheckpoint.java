package dev.panaformer.checkpoint;

import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Set;

/**
 * The weights in an ONNX export of a BERT-family model, under Hugging Face's names and in its
 * layout.
 */
public final class OnnxCheckpoint implements Checkpoint {
  private OnnxCheckpoint() {}

  /**
   * Reads the graph and finds the weights' places.
   *
   * @throws CheckpointException if the file cannot be used
   */
  public static OnnxCheckpoint open(Path file) {
    throw new UnsupportedOperationException();
  }

  /** What the graph tells of the architecture, in the fields of a {@code config.json}. */
  public ConfigJson config() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Path source() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Set<String> names() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Tensor tensor(String name, Arena arena) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
