package dev.panaformer.tensor;

import java.util.Arrays;
import java.util.Optional;

/** The element types that checkpoints hold. Names are those of the safetensors format. */
public enum DType {
  F32(4),
  F16(2),
  BF16(2),
  I64(8),
  I32(4),
  /** Bytes: of weights that are packed, see {@code docs/precision.md}. */
  U8(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether elements are numbers with a fraction, which become float32. */
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }

  /** The type of this name, if it is one of ours. */
  public static Optional<DType> find(String name) {
    return Arrays.stream(values()).filter(dtype -> dtype.name().equals(name)).findFirst();
  }
}
