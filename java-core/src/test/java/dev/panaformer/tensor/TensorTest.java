package dev.panaformer.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class TensorTest {
  private static final long[] MATRIX = {2, 3};

  @Test
  void countsElements() {
    assertEquals(6, Tensor.elements(MATRIX));
    assertEquals(1, Tensor.elements(new long[0]));
    assertEquals(0, Tensor.elements(new long[] {3, 0}));
  }

  @Test
  void aZeroDoesNotHideOverflow() {
    long[] shape = {0, Long.MAX_VALUE, 2};
    assertThrows(ArithmeticException.class, () -> Tensor.elements(shape));
  }

  @Test
  void refusesNegativeDimensions() {
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> Tensor.elements(new long[] {2, -1}));
    assertEquals("negative dimension in [2, -1]", e.getMessage());
  }

  @Test
  void refusesTooLittleData() {
    MemorySegment data = MemorySegment.ofArray(new byte[23]);
    Exception e =
        assertThrows(IllegalArgumentException.class, () -> Tensor.of(DType.F32, MATRIX, data));
    assertEquals("F32 [2, 3] needs 24 bytes, given 23", e.getMessage());
  }

  @Test
  void refusesStridesThatLeaveTheData() {
    MemorySegment data = MemorySegment.ofArray(new byte[24]);
    assertThrows(
        IllegalArgumentException.class,
        () -> new Tensor(DType.F32, MATRIX, new long[] {4, 1}, data));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Tensor(DType.F32, MATRIX, new long[] {-3, 1}, data));
    assertThrows(
        ArithmeticException.class,
        () -> new Tensor(DType.F32, MATRIX, new long[] {Long.MAX_VALUE, 1}, data));
  }

  @Test
  void readsFloat16() {
    assertArrayEquals(
        new float[] {1, -2, 0x1p-24f, Float.POSITIVE_INFINITY},
        shorts(DType.F16, 0x3C00, 0xC000, 0x0001, 0x7C00).toFloats());
  }

  @Test
  void readsBfloat16() {
    assertArrayEquals(
        new float[] {1, -2, 0x1p-126f, Float.NEGATIVE_INFINITY},
        shorts(DType.BF16, 0x3F80, 0xC000, 0x0080, 0xFF80).toFloats());
  }

  private static Tensor shorts(DType dtype, int... bits) {
    byte[] bytes = new byte[bits.length * 2];
    for (int i = 0; i < bits.length; i++) {
      bytes[2 * i] = (byte) bits[i];
      bytes[2 * i + 1] = (byte) (bits[i] >> 8);
    }
    return Tensor.of(dtype, new long[] {bits.length}, MemorySegment.ofArray(bytes));
  }

  @Test
  void readsFromAnyAddress() {
    byte[] bytes = {9, 0, 0, (byte) 0x80, 0x3F};
    Tensor one = Tensor.of(DType.F32, new long[0], MemorySegment.ofArray(bytes).asSlice(1));
    assertArrayEquals(new float[] {1}, one.toFloats());
  }

  @Test
  void transposesWithoutCopying() {
    Tensor matrix = Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    Tensor transposed = matrix.transpose(0, 1);
    assertEquals("F32 [3, 2]", transposed.toString());
    assertEquals(matrix.data(), transposed.data());
    assertTrue(matrix.isContiguous());
    assertFalse(transposed.isContiguous());
    assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, transposed.toFloats());
  }

  /** Larger than the tiles of the copy, and no multiple of them. */
  @Test
  void transposesEveryElement() {
    float[] values = new float[37 * 70];
    float[] expected = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
      expected[i % 70 * 37 + i / 70] = i;
    }
    Tensor transposed = Tensor.ofFloats(values, 37, 70).transpose(0, 1);
    assertArrayEquals(expected, transposed.toFloats());
    float[] copied = new float[values.length];
    transposed.copyTo(MemorySegment.ofArray(copied));
    assertArrayEquals(expected, copied);
  }

  @Test
  void permutesHigherRanks() {
    float[] values = {0, 1, 2, 3, 4, 5, 6, 7};
    Tensor permuted = Tensor.ofFloats(values, 2, 2, 2).transpose(0, 2);
    assertArrayEquals(new float[] {0, 4, 2, 6, 1, 5, 3, 7}, permuted.toFloats());
  }

  @Test
  void alignsFloat32ForVectors() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = shorts(DType.F16, 0x3C00).toFloat32(arena);
      assertEquals(0, floats.address() % 64);
      assertEquals(4, floats.byteSize());
    }
  }

  @Test
  void refusesIntegersAsFloatsAndBack() {
    Tensor integers = Tensor.ofLongs(new long[] {7, -8}, 2);
    Exception e = assertThrows(IllegalArgumentException.class, integers::toFloats);
    assertEquals("I64 where floats are expected", e.getMessage());
    assertArrayEquals(new long[] {7, -8}, integers.toLongs());
    Tensor floats = Tensor.ofFloats(new float[] {1}, 1);
    assertThrows(IllegalArgumentException.class, floats::toLongs);
  }

  @Test
  void refusesATargetThatIsTooSmall() {
    Tensor floats = Tensor.ofFloats(new float[] {1, 2}, 2);
    MemorySegment target = MemorySegment.ofArray(new float[1]);
    Exception e = assertThrows(IllegalArgumentException.class, () -> floats.copyFloat32To(target));
    assertEquals("[2] needs 8 bytes, the target has 4", e.getMessage());
  }

  @Test
  void copiesNothingOfAnEmptyTensor() {
    assertEquals(0, Tensor.ofFloats(new float[0], 0, 5).toFloats().length);
    assertEquals(0, Tensor.ofFloats(new float[0], 5, 0, 2).transpose(0, 1).toFloats().length);
  }
}
