package dev.panaformer.checkpoint;

import dev.panaformer.tensor.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A checkpoint that is split into several safetensors files, which {@code
 * model.safetensors.index.json} lists.
 */
public final class ShardedCheckpoint implements Checkpoint {
  private final Path source;
  private final Map<String, Checkpoint> shards;
  private final Map<String, Checkpoint> shardOf;

  private ShardedCheckpoint(Path source) {
    this.source = source;
    this.shards = new LinkedHashMap<>();
    this.shardOf = new LinkedHashMap<>();
  }

  /**
   * Opens an index and every file that it names.
   *
   * @throws CheckpointException if a file cannot be used, or lacks a tensor that the index assigns
   *     to it
   */
  public static ShardedCheckpoint open(Path index) {
    Map<String, String> files = ConfigJson.read(index).stringMap("weight_map");
    ShardedCheckpoint checkpoint = new ShardedCheckpoint(index);
    try {
      files.forEach(checkpoint::add);
      return checkpoint;
    } catch (Throwable e) {
      checkpoint.close();
      throw e;
    }
  }

  private void add(String tensor, String file) {
    Path path = ModelFolder.inside(source, file);
    Checkpoint shard = shards.get(file);
    if (shard == null) {
      shard = SafetensorsCheckpoint.open(path);
      shards.put(file, shard);
    }
    if (!shard.names().contains(tensor)) {
      throw new CheckpointException(
          String.format("%s: no tensor named %s, which %s places there", path, tensor, source));
    }
    shardOf.put(tensor, shard);
  }

  @Override
  public Path source() {
    return source;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(shardOf.keySet());
  }

  @Override
  public Tensor tensor(String name, Arena arena) {
    Checkpoint shard = shardOf.get(name);
    if (shard == null) {
      throw new CheckpointException(source + ": no tensor named " + name);
    }
    return shard.tensor(name, arena);
  }

  @Override
  public void close() {
    shards.values().forEach(Checkpoint::close);
  }
}
