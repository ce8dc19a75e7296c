package dev.panaformer.checkpoint;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/** Writes safetensors files. */
public final class SafetensorsWriter {
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  /** A ByteBuffer cannot span more than 2 GiB. */
  private static final long CHUNK_BYTES = 1 << 26;

  /** The data of the first tensor begins at a multiple of this offset. */
  private static final int HEADER_ALIGNMENT = 64;

  private SafetensorsWriter() {}

  /**
   * Writes the tensors one at a time, contiguously and each in its own dtype. The file appears
   * under its name only when it is complete, and then replaces an existing file.
   *
   * @param metadata strings to store with the tensors; may be empty
   * @throws IOException if the file cannot be written, naming it; no partial file is left then
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    write(file, tensors, metadata, bytes -> {});
  }

  /**
   * Like {@link #write(Path, Map, Map)}, telling how far it is.
   *
   * @param written is given the size of each tensor in bytes when it has been written
   */
  public static void write(
      Path file, Map<String, Tensor> tensors, Map<String, String> metadata, LongConsumer written)
      throws IOException {
    // Tensors with the largest alignment come first, so that every tensor is aligned without gaps.
    List<Map.Entry<String, Tensor>> order =
        tensors.entrySet().stream()
            .sorted(Comparator.comparing(entry -> -alignment(entry.getValue())))
            .toList();
    Path target = file.toAbsolutePath();
    // A temporary file of the JDK would be private to its owner, and stay so under its new name.
    Path partial = PartialFolder.unused(target, ".part");
    try {
      try (FileChannel channel =
          FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        writeFully(channel, header(order, metadata));
        for (Map.Entry<String, Tensor> entry : order) {
          writeTensor(channel, entry.getValue());
          written.accept(entry.getValue().byteSize());
        }
        channel.force(true);
      }
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException e) {
      throw FileProblem.renamed(e, partial, file);
    } catch (IOException e) {
      throw FileProblem.in(file, e);
    } finally {
      Files.deleteIfExists(partial);
    }
  }

  /** The alignment of a tensor: the size of an element or, for packed weights, a cache line. */
  private static long alignment(Tensor tensor) {
    return tensor.dtype() == DType.U8
        ? Long.lowestOneBit(tensor.byteSize() | HEADER_ALIGNMENT)
        : tensor.dtype().bytes();
  }

  private static ByteBuffer header(
      List<Map.Entry<String, Tensor>> tensors, Map<String, String> metadata) {
    JsonObject json = new JsonObject();
    if (!metadata.isEmpty()) {
      json.add("__metadata__", GSON.toJsonTree(metadata));
    }
    long offset = 0;
    for (Map.Entry<String, Tensor> entry : tensors) {
      Tensor tensor = entry.getValue();
      JsonObject fields = new JsonObject();
      fields.addProperty("dtype", tensor.dtype().name());
      fields.add("shape", array(tensor.shape()));
      fields.add("data_offsets", array(offset, offset + tensor.byteSize()));
      json.add(entry.getKey(), fields);
      offset += tensor.byteSize();
    }
    byte[] text = GSON.toJson(json).getBytes(StandardCharsets.UTF_8);
    int length = Math.ceilDiv(8 + text.length, HEADER_ALIGNMENT) * HEADER_ALIGNMENT - 8;
    ByteBuffer header = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(length).put(text);
    while (header.hasRemaining()) {
      header.put((byte) ' ');
    }
    return header.flip();
  }

  private static JsonArray array(long... values) {
    JsonArray array = new JsonArray();
    for (long value : values) {
      array.add(value);
    }
    return array;
  }

  private static void writeTensor(FileChannel channel, Tensor tensor) throws IOException {
    if (tensor.isContiguous()) {
      writeFully(channel, tensor.data().asSlice(0, tensor.byteSize()));
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment contiguous = arena.allocate(tensor.byteSize());
      tensor.copyTo(contiguous);
      writeFully(channel, contiguous);
    }
  }

  private static void writeFully(FileChannel channel, MemorySegment bytes) throws IOException {
    for (long from = 0; from < bytes.byteSize(); from += CHUNK_BYTES) {
      long count = Math.min(CHUNK_BYTES, bytes.byteSize() - from);
      writeFully(channel, bytes.asSlice(from, count).asByteBuffer());
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
