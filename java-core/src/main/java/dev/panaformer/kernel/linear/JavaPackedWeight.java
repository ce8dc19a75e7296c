package dev.panaformer.kernel.linear;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Low-precision packed weights in plain loops. The layouts are those that {@code pf_linear_pack}
 * describes, byte for byte. Scales and quantized values ("codes") are computed in float with the
 * same operations as in C, so that both round every weight alike. Sums of products are computed in
 * double; sums of products of integer codes are exact.
 */
public final class JavaPackedWeight {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int HEADER = 64;
  private static final int MAGIC = 0x324c4650;

  /** The number of output features of a panel, which are stored together. */
  private static final int PANEL = 32;

  /**
   * The number of input features that share one scale when the input of a layer with 4-bit weights
   * is quantized.
   */
  private static final int SPAN = 32;

  /**
   * The number of input features of 8-bit weights that one rotation covers. The distance of the
   * closest two features that it combines is {@link #ROTATED_APART}.
   */
  private static final int ROTATED = 128;

  private static final int ROTATED_APART = 16;

  /** Input features are padded to a multiple of these sizes. */
  private static final int BF16_CHUNK = 32;

  private static final int INT8_CHUNK = 64;

  private JavaPackedWeight() {}

  /**
   * Returns the size in bytes of a packed weight {@code [out, in]}, including its header. Float32
   * weights have no header in Java.
   */
  static long bytes(WeightFormat format, long out, long in) {
    long rows = roundUp(out, PANEL);
    return switch (format) {
      case FP32 -> out * in * Float.BYTES;
      case BF16 -> HEADER + rows * roundUp(in, BF16_CHUNK) * Short.BYTES;
      case INT8 -> HEADER + rows * (2 * Integer.BYTES + roundUp(in, INT8_CHUNK));
      case INT4, INT4_128 -> HEADER + rows / PANEL * int4PanelBytes(group(format), in);
    };
  }

  /** Packs a weight {@code [out, in]} into {@link #bytes} bytes that are zero before the call. */
  static void pack(UnpackedWeight w, WeightFormat format, MemorySegment to) {
    long out = w.out();
    long in = w.in();
    to.set(INT, 0, MAGIC);
    to.set(INT, 8, format.value());
    to.set(LONG, 16, out);
    to.set(LONG, 24, in);
    float[] row = new float[(int) in];
    for (long j = 0; j < roundUp(out, PANEL); j++) {
      for (int p = 0; p < in; p++) {
        row[p] = j < out ? element(w.elements(), w.dtype(), j * in + p) : 0;
      }
      switch (format) {
        case BF16 -> packBf16(row, j, to);
        case INT8 -> packInt8(row, j, out, to);
        case INT4, INT4_128 -> packInt4(row, j, group(format), to);
        case FP32 -> throw new IllegalArgumentException("float32 is kept as it is");
      }
    }
  }

  /**
   * Checks that a segment holds a packed weight of this shape and format: its size and its header
   * must match.
   *
   * @throws IllegalArgumentException if they do not
   */
  static void check(String name, MemorySegment packed, long out, long in, WeightFormat format) {
    boolean fits =
        packed.byteSize() >= bytes(format, out, in)
            && packed.get(INT, 0) == MAGIC
            && packed.get(INT, 4) == 0
            && packed.get(INT, 8) == format.value()
            && packed.get(INT, 12) == 0
            && packed.get(LONG, 16) == out
            && packed.get(LONG, 24) == in;
    if (!fits) {
      throw LinearArguments.notPacked(name, out, in, format);
    }
  }

  /** Computes {@code x Wᵀ} for one row of x. */
  static double[] multiply(MemorySegment x, long xStart, PackedWeight weight) {
    float[] row = new float[(int) weight.in()];
    MemorySegment.copy(x, JAVA_FLOAT, xStart * Float.BYTES, row, 0, row.length);
    return switch (weight.format()) {
      case FP32 -> throw new IllegalArgumentException("float32 is kept as it is");
      case BF16 -> multiplyBf16(row, weight);
      case INT8 -> multiplyInt8(row, weight);
      case INT4, INT4_128 -> multiplyInt4(row, weight);
    };
  }

  /** Returns the row of the weight that belongs to an output feature, converted to floats. */
  public static float[] row(PackedWeight weight, long feature) {
    MemorySegment packed = weight.segment();
    float[] row = new float[(int) weight.in()];
    int group = group(weight.format());
    if (weight.format() == WeightFormat.INT8) {
      return rowInt8(weight, feature);
    }
    for (int p = 0; p < row.length; p++) {
      row[p] =
          switch (weight.format()) {
            case FP32 -> packed.getAtIndex(JAVA_FLOAT, feature * weight.in() + p);
            case BF16 -> widen(packed.get(SHORT, bf16At(weight.in(), feature, p)));
            case INT8 -> throw new IllegalStateException("its features are rotated");
            case INT4, INT4_128 ->
                int4Scale(packed, row.length, group, feature, p)
                    * (int4Code(packed, row.length, group, feature, p) - 8);
          };
    }
    return row;
  }

  // ---- BF16

  private static long bf16At(long in, long feature, long p) {
    long panel = feature / PANEL * (roundUp(in, BF16_CHUNK) / 2);
    return HEADER + ((panel + p / 2) * PANEL + feature % PANEL) * 4 + p % 2 * 2;
  }

  private static void packBf16(float[] row, long feature, MemorySegment to) {
    for (int p = 0; p < row.length; p++) {
      to.set(SHORT, bf16At(row.length, feature, p), toBf16(row[p]));
    }
  }

  private static double[] multiplyBf16(float[] x, PackedWeight weight) {
    for (int p = 0; p < x.length; p++) {
      x[p] = widen(toBf16(x[p]));
    }
    double[] sums = new double[(int) weight.out()];
    for (int j = 0; j < sums.length; j++) {
      for (int p = 0; p < x.length; p++) {
        sums[j] += (double) x[p] * widen(weight.segment().get(SHORT, bf16At(x.length, j, p)));
      }
    }
    return sums;
  }

  /** Rounds to the nearest bfloat16, ties to even. */
  static short toBf16(float x) {
    int bits = Float.floatToRawIntBits(x);
    if (Float.isNaN(x)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }

  private static float widen(short bf16) {
    return Float.intBitsToFloat(bf16 << 16);
  }

  // ---- INT8

  private static long int8At(long out, long in, long feature, long p) {
    long codes = HEADER + roundUp(out, PANEL) * 2 * Integer.BYTES;
    long panel = feature / PANEL * (roundUp(in, INT8_CHUNK) / 4);
    return codes + ((panel + p / 4) * PANEL + feature % PANEL) * 4 + p % 4;
  }

  /**
   * Applies the rotation of 8-bit weights, an unnormalised Hadamard transform across features that
   * are 16, 32 and 64 apart. It works on blocks of 128 features; the last block may have 64. Each
   * step replaces a pair {@code (a, b)} by {@code (a + b, a - b)}.
   *
   * @param divide whether to divide by the number of features that each result sums. This makes the
   *     transform the inverse of the one without division.
   */
  private static float[] rotate(float[] row, boolean divide) {
    float[] rotated = Arrays.copyOf(row, (int) roundUp(row.length, INT8_CHUNK));
    for (int block = 0; block < rotated.length; block += ROTATED) {
      int width = Math.min(ROTATED, rotated.length - block);
      for (int p = block; divide && p < block + width; p++) {
        rotated[p] *= (float) ROTATED_APART / width;
      }
      for (int apart = ROTATED_APART; apart < width; apart *= 2) {
        for (int p = block; p < block + width; p++) {
          if ((p & apart) == 0) {
            float a = rotated[p];
            float b = rotated[p + apart];
            rotated[p] = a + b;
            rotated[p + apart] = a - b;
          }
        }
      }
    }
    return rotated;
  }

  private static float[] rowInt8(PackedWeight weight, long feature) {
    float[] rotated = new float[(int) roundUp(weight.in(), INT8_CHUNK)];
    float scale = weight.segment().get(FLOAT, HEADER + 4 * feature);
    for (int p = 0; p < rotated.length; p++) {
      long at = int8At(weight.out(), rotated.length, feature, p);
      rotated[p] = scale * weight.segment().get(JAVA_BYTE, at);
    }
    return Arrays.copyOf(rotate(rotated, true), (int) weight.in());
  }

  private static void packInt8(float[] plain, long feature, long out, MemorySegment to) {
    float[] row = rotate(plain, false);
    float scale = symmetricScale(row, 0, row.length);
    int sum = 0;
    for (int p = 0; p < row.length; p++) {
      int code = symmetricCode(row[p], scale);
      to.set(JAVA_BYTE, int8At(out, row.length, feature, p), (byte) code);
      sum += code;
    }
    to.set(FLOAT, HEADER + 4 * feature, scale);
    to.set(INT, HEADER + 4 * (roundUp(out, PANEL) + feature), sum);
  }

  private static double[] multiplyInt8(float[] plain, PackedWeight weight) {
    float[] x = rotate(plain, true);
    float above = 0;
    float below = 0;
    boolean finite = true;
    for (float value : x) {
      above = Math.max(above, value);
      below = Math.max(below, -value);
      finite &= Float.isFinite(value);
    }
    float scale = finite ? above / 255 + below / 255 : Float.NaN;
    if (scale < Float.MIN_NORMAL) {
      scale = 0;
    }
    double zero = scale > 0 ? Math.min(Math.rint(below / scale), 255) : 0;
    int[] codes = new int[x.length];
    for (int p = 0; p < x.length; p++) {
      double code = scale > 0 ? Math.rint(x[p] * (1 / scale)) + zero : 0;
      codes[p] = (int) (Math.max(0, Math.min(255, code)) - zero);
    }
    double[] sums = new double[(int) weight.out()];
    for (int j = 0; j < sums.length; j++) {
      long sum = 0;
      for (int p = 0; p < x.length; p++) {
        long at = int8At(weight.out(), x.length, j, p);
        sum += codes[p] * weight.segment().get(JAVA_BYTE, at);
      }
      float both = scale * weight.segment().get(FLOAT, HEADER + 4L * j);
      sums[j] = (float) sum * both;
    }
    return sums;
  }

  /**
   * Returns the largest magnitude divided by 127. Returns 0 if the quotient is subnormal, and NaN
   * if any value is not finite.
   */
  private static float symmetricScale(float[] values, int from, int to) {
    float most = 0;
    for (int i = from; i < to; i++) {
      most = Float.isFinite(values[i]) ? Math.max(most, Math.abs(values[i])) : Float.NaN;
    }
    float scale = most / 127;
    return scale < Float.MIN_NORMAL ? 0 : scale;
  }

  private static int symmetricCode(float value, float scale) {
    return scale > 0 ? (int) Math.max(-127, Math.min(127, Math.rint(value * (1 / scale)))) : 0;
  }

  // ---- INT4

  private static int group(WeightFormat format) {
    return format == WeightFormat.INT4_128 ? 128 : 32;
  }

  private static long int4GroupBytes(int group) {
    return PANEL * 2 + group / 8 * PANEL * 4L;
  }

  private static long int4PanelBytes(int group, long in) {
    return roundUp(in, group) / group * int4GroupBytes(group);
  }

  private static long int4GroupAt(long in, int group, long feature, long p) {
    return HEADER + feature / PANEL * int4PanelBytes(group, in) + p / group * int4GroupBytes(group);
  }

  private static float int4Scale(MemorySegment packed, long in, int group, long feature, long p) {
    return widen(packed.get(SHORT, int4GroupAt(in, group, feature, p) + feature % PANEL * 2));
  }

  private static long int4ByteAt(long in, int group, long feature, long p) {
    long step = p % group / 8;
    return int4GroupAt(in, group, feature, p)
        + PANEL * 2
        + (step * PANEL + feature % PANEL) * 4
        + p % 4;
  }

  private static int int4Code(MemorySegment packed, long in, int group, long feature, long p) {
    int both = packed.get(JAVA_BYTE, int4ByteAt(in, group, feature, p));
    return (p % 8 < 4 ? both : both >> 4) & 15;
  }

  private static void packInt4(float[] row, long feature, int group, MemorySegment to) {
    for (int g = 0; g < row.length; g += group) {
      float most = 0;
      boolean finite = true;
      for (int p = g; p < Math.min(g + group, row.length); p++) {
        finite &= Float.isFinite(row[p]);
        most = Math.abs(row[p]) > Math.abs(most) ? row[p] : most;
      }
      float exact = most / -8;
      short scale = finite ? toBf16(exact) : 0x7fc0;
      if (finite && Math.abs(exact) < Float.MIN_NORMAL) {
        scale = 0;
      }
      to.set(SHORT, int4GroupAt(row.length, group, feature, g) + feature % PANEL * 2, scale);
      float inverse = finite && widen(scale) != 0 ? 1 / widen(scale) : 0;
      for (int p = g; p < g + group; p++) {
        float value = finite && p < row.length ? row[p] : 0;
        int code = (int) Math.max(0, Math.min(15, Math.rint(value * inverse) + 8));
        long at = int4ByteAt(row.length, group, feature, p);
        int other = to.get(JAVA_BYTE, at);
        to.set(JAVA_BYTE, at, (byte) (other | code << (p % 8 < 4 ? 0 : 4)));
      }
    }
  }

  private static double[] multiplyInt4(float[] x, PackedWeight weight) {
    int group = group(weight.format());
    double[] sums = new double[(int) weight.out()];
    for (int from = 0; from < x.length; from += SPAN) {
      int to = Math.min(from + SPAN, x.length);
      float scale = symmetricScale(x, from, to);
      for (int j = 0; j < sums.length; j++) {
        long sum = 0;
        for (int p = from; p < to; p++) {
          int code = int4Code(weight.segment(), x.length, group, j, p) - 8;
          sum += (long) symmetricCode(x[p], scale) * code;
        }
        double both = (double) scale * int4Scale(weight.segment(), x.length, group, j, from);
        sums[j] += sum * both;
      }
    }
    return sums;
  }

  private static float element(MemorySegment weight, DType dtype, long at) {
    return switch (dtype) {
      case F32 -> weight.get(FLOAT, at * 4);
      case F16 -> Float.float16ToFloat(weight.get(SHORT, at * 2));
      case BF16 -> widen(weight.get(SHORT, at * 2));
      case I64, I32, U8 -> throw new IllegalArgumentException(dtype + " where floats are expected");
    };
  }

  private static long roundUp(long n, long multiple) {
    return Math.ceilDiv(n, multiple) * multiple;
  }
}
