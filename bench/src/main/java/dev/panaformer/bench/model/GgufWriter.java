package dev.panaformer.bench.model;

import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.function.IntConsumer;

/**
 * Writes a {@link Llama} as a GGUF file, version 3. The vocabulary consists of bytes and fillers,
 * because llama.cpp requires one. Matrices have a type of llama.cpp, vectors are float32.
 */
final class GgufWriter {
  private static final int UINT32 = 4;
  private static final int INT32 = 5;
  private static final int FLOAT32 = 6;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int ALIGNMENT = 32;
  private static final int FIRST_BYTE = 3;

  private static final int NORMAL = 1;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int BYTE = 6;

  private final ByteBuffer header = ByteBuffer.allocate(4 << 20).order(ByteOrder.LITTLE_ENDIAN);
  private final GgufType matrices;
  private int fields;

  private GgufWriter(GgufType matrices) {
    this.matrices = matrices;
  }

  /**
   * @param matrices the type of all matrices, including the embeddings
   */
  static void write(Path file, Map<String, Tensor> tensors, GgufType matrices) throws IOException {
    Path partial = file.resolveSibling(file.getFileName() + ".part");
    try (FileChannel channel =
        FileChannel.open(
            partial,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      GgufWriter writer = new GgufWriter(matrices);
      write(channel, writer.header(tensors));
      for (Tensor tensor : tensors.values()) {
        write(channel, writer.type(tensor).encode(tensor.toFloats()));
      }
    }
    Files.move(partial, file, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void write(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private ByteBuffer header(Map<String, Tensor> tensors) {
    header.put("GGUF".getBytes(StandardCharsets.US_ASCII)).putInt(3).putLong(tensors.size());
    int fieldCount = header.position();
    header.putLong(0);
    field("general.architecture", STRING);
    string("llama");
    integer("llama.context_length", Llama.POSITIONS);
    integer("llama.embedding_length", Llama.HIDDEN);
    integer("llama.block_count", Llama.LAYERS);
    integer("llama.feed_forward_length", Llama.INTERMEDIATE);
    integer("llama.attention.head_count", Llama.HEADS);
    integer("llama.attention.head_count_kv", Llama.HEADS);
    integer("llama.rope.dimension_count", Llama.HIDDEN / Llama.HEADS);
    integer("llama.vocab_size", Llama.VOCAB);
    field("llama.attention.layer_norm_rms_epsilon", FLOAT32);
    header.putFloat(Llama.EPS);
    vocabulary();
    header.putLong(fieldCount, fields);
    long offset = 0;
    for (Map.Entry<String, Tensor> tensor : tensors.entrySet()) {
      string(tensor.getKey());
      long[] shape = tensor.getValue().shape();
      header.putInt(shape.length);
      for (int i = shape.length - 1; i >= 0; i--) {
        header.putLong(shape[i]);
      }
      GgufType type = type(tensor.getValue());
      header.putInt(type.id()).putLong(offset);
      offset += type.bytes(tensor.getValue().elements());
      if (offset % ALIGNMENT != 0) {
        throw new IllegalArgumentException(tensor.getKey() + " would leave a gap");
      }
    }
    while (header.position() % ALIGNMENT != 0) {
      header.put((byte) 0);
    }
    return header.flip();
  }

  private GgufType type(Tensor tensor) {
    return tensor.rank() == 2 ? matrices : GgufType.F32;
  }

  private void vocabulary() {
    field("tokenizer.ggml.model", STRING);
    string("llama");
    array("tokenizer.ggml.tokens", STRING, id -> string(token(id)));
    array("tokenizer.ggml.scores", FLOAT32, id -> header.putFloat(-id));
    array("tokenizer.ggml.token_type", INT32, id -> header.putInt(type(id)));
    integer("tokenizer.ggml.unknown_token_id", 0);
    integer("tokenizer.ggml.bos_token_id", 1);
    integer("tokenizer.ggml.eos_token_id", 2);
  }

  private static String token(int id) {
    if (id < FIRST_BYTE) {
      return new String[] {"<unk>", "<s>", "</s>"}[id];
    }
    return id < FIRST_BYTE + 256 ? String.format("<0x%02X>", id - FIRST_BYTE) : "word" + id;
  }

  private static int type(int id) {
    if (id < FIRST_BYTE) {
      return id == 0 ? UNKNOWN : CONTROL;
    }
    return id < FIRST_BYTE + 256 ? BYTE : NORMAL;
  }

  private void field(String name, int type) {
    string(name);
    header.putInt(type);
    fields++;
  }

  private void integer(String name, int value) {
    field(name, UINT32);
    header.putInt(value);
  }

  private void array(String name, int type, IntConsumer element) {
    field(name, ARRAY);
    header.putInt(type).putLong(Llama.VOCAB);
    for (int id = 0; id < Llama.VOCAB; id++) {
      element.accept(id);
    }
  }

  private void string(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    header.putLong(bytes.length).put(bytes);
  }
}
