package dev.panaformer.bench.model;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;

/**
 * Models for ONNX Runtime, made from a graph and a layout by which its weights are filled with
 * random values.
 */
public final class Topology {
  private Topology() {}

  /**
   * A folder with {@code model.onnx}. Its weights are written if they do not exist.
   *
   * @param topologies the folder with {@code name.onnx} and the layout of its weights
   */
  public static Path onnx(Path topologies, Path parent, String name) throws IOException {
    Path folder = Files.createDirectories(parent.resolve(name + "-onnx"));
    Path model = folder.resolve("model.onnx");
    if (!Files.exists(model)) {
      JsonObject layout =
          JsonParser.parseString(Files.readString(topologies.resolve(name + ".weights.json")))
              .getAsJsonObject();
      writeNoise(
          folder.resolve(layout.get("file").getAsString()),
          layout.get("bytes").getAsLong(),
          layout);
      Files.copy(topologies.resolve(name + ".onnx"), model, StandardCopyOption.REPLACE_EXISTING);
    }
    return folder;
  }

  private static void writeNoise(Path file, long bytes, JsonObject layout) throws IOException {
    SplittableRandom random = new SplittableRandom(2);
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(1), bytes - 1);
      for (JsonElement element : layout.getAsJsonArray("tensors")) {
        long offset = element.getAsJsonObject().get("offset").getAsLong();
        long end = offset + element.getAsJsonObject().get("length").getAsLong();
        while (offset < end) {
          buffer.clear().limit((int) Math.min(buffer.capacity(), end - offset));
          while (buffer.hasRemaining()) {
            buffer.putFloat(Gpt2.noise(random));
          }
          buffer.flip();
          while (buffer.hasRemaining()) {
            offset += channel.write(buffer, offset);
          }
        }
      }
    }
  }
}
