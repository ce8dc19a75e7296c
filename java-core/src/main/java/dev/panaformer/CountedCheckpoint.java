package dev.panaformer;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.LongConsumer;

/** A checkpoint that tells how many bytes of its tensors have been asked for, each tensor once. */
final class CountedCheckpoint implements Checkpoint {
  private final Checkpoint checkpoint;
  private final LongConsumer read;
  private final Set<String> counted = new HashSet<>();
  private long bytes;

  CountedCheckpoint(Checkpoint checkpoint, LongConsumer read) {
    this.checkpoint = checkpoint;
    this.read = read;
  }

  @Override
  public Path source() {
    return checkpoint.source();
  }

  @Override
  public Map<String, String> metadata() {
    return checkpoint.metadata();
  }

  @Override
  public Set<String> names() {
    return checkpoint.names();
  }

  @Override
  public Tensor tensor(String name, Arena arena) {
    Tensor tensor = checkpoint.tensor(name, arena);
    if (counted.add(name)) {
      bytes += tensor.byteSize();
      read.accept(bytes);
    }
    return tensor;
  }

  @Override
  public void close() {
    checkpoint.close();
  }
}
