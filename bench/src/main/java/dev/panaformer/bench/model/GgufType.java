package dev.panaformer.bench.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Tensor types of GGUF files, with llama.cpp's numbers for them and the encoding of floats. */
public enum GgufType {
  F32(0, 1, 4) {
    @Override
    void encodeBlock(float[] values, int from, ByteBuffer to) {
      to.putFloat(values[from]);
    }
  },

  /**
   * Blocks of a float16 scale and 32 4-bit codes. The first 16 codes are in the low halves of the
   * bytes.
   */
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

  /** Blocks of a float16 scale and 32 8-bit codes. */
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

  /** Encodes rows of values. The length of a row must be a multiple of the block. */
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
