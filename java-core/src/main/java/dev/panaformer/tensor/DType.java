package dev.panaformer.tensor;

import java.util.Arrays;
import java.util.Optional;

/** The element types of tensors in checkpoints, named as in the safetensors format. */
public enum DType {
  F32(4),
  F16(2),
  BF16(2),
  I64(8),
  I32(4),
  /** Bytes, used for packed weights: see {@code docs/precision.md}. */
  U8(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** The number of bytes in an element. */
  public int bytes() {
    return bytes;
  }

  /** Whether this is a floating-point type, which can be converted to float32. */
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }

  /** The type with this name, if it is supported. */
  public static Optional<DType> find(String name) {
    return Arrays.stream(values()).filter(dtype -> dtype.name().equals(name)).findFirst();
  }
}
