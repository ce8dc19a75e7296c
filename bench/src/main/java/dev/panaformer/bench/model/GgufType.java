package dev.panaformer.bench.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Types of tensors in a GGUF file, with llama.cpp's numbers for them, and how floats become them.
 */
public enum GgufType {
  F32(0, 1, 4) {
    @Override
    void encodeBlock(float[] values, int from, ByteBuffer to) {
      to.putFloat(values[from]);
    }
  },

  /** A float16 scale and 32 codes of 4 bits, of which the first 16 are in the low halves. */
  Q4_0(2, 32, 18) {
    @Override
    void encodeBlock(float[] values, int from, ByteBuffer to) {
      float most = 0;
      for (int i = from; i < from + 32; i++) {
        most = Math.abs(values[i]) > Math.abs(most) ? values[i] : most;
      }
      float scale = most / -8;
      float inverse = scale == 0 ? 0 : 1 / scale;
      to.putShort(Float.floatToFloat16(scale));
      for (int i = from; i < from + 16; i++) {
        to.put((byte) (code(values[i] * inverse) | code(values[i + 16] * inverse) << 4));
      }
    }

    private static int code(float scaled) {
      return Math.min(15, (int) (scaled + 8.5f));
    }
  },

  /** A float16 scale and 32 codes of 8 bits. */
  Q8_0(8, 32, 34) {
    @Override
    void encodeBlock(float[] values, int from, ByteBuffer to) {
      float most = 0;
      for (int i = from; i < from + 32; i++) {
        most = Math.max(most, Math.abs(values[i]));
      }
      float inverse = most == 0 ? 0 : 127 / most;
      to.putShort(Float.floatToFloat16(most / 127));
      for (int i = from; i < from + 32; i++) {
        to.put((byte) Math.round(values[i] * inverse));
      }
    }
  };

  private final int id;
  private final int block;
  private final int blockBytes;

  GgufType(int id, int block, int blockBytes) {
    this.id = id;
    this.block = block;
    this.blockBytes = blockBytes;
  }

  public int id() {
    return id;
  }

  public long bytes(long elements) {
    return elements / block * blockBytes;
  }

  /** Rows must be whole blocks. */
  public ByteBuffer encode(float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.toIntExact(bytes(values.length))).order(ByteOrder.LITTLE_ENDIAN);
    for (int from = 0; from < values.length; from += block) {
      encodeBlock(values, from, bytes);
    }
    return bytes.flip();
  }

  abstract void encodeBlock(float[] values, int from, ByteBuffer to);
}
