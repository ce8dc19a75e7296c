package dev.panaformer.checkpoint;

import dev.panaformer.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * A tensor of an ONNX file: what the file says about it, and where its elements are. Valid as long
 * as its {@link OnnxGraph}.
 *
 * @param name the name; empty for the value of an attribute
 * @param dims the shape
 * @param dataType the number of the element type in the specification
 * @param isExternal whether the elements are in another file
 * @param external what the file says about the place in the other file
 * @param raw the elements as little-endian bytes; empty if they are stored otherwise
 * @param rawOffset the offset of {@code raw} in the file
 * @param message the message, from which {@link #typedValues} reads elements
 */
record OnnxTensor(
    String name,
    long[] dims,
    int dataType,
    boolean isExternal,
    Map<String, String> external,
    MemorySegment raw,
    long rawOffset,
    ProtobufReader message) {
  static final int FLOAT = 1;
  static final int INT64 = 7;

  private static final int SMALL_BYTES = 64;

  /** {@code TensorProto.DataLocation.EXTERNAL}. */
  private static final int EXTERNAL = 1;

  // Field numbers of TensorProto.
  private static final int DIMS = 1;
  private static final int DATA_TYPE = 2;
  private static final int FLOAT_DATA = 4;
  private static final int INT32_DATA = 5;
  private static final int INT64_DATA = 7;
  private static final int NAME = 8;
  private static final int RAW_DATA = 9;
  private static final int EXTERNAL_DATA = 13;
  private static final int DATA_LOCATION = 14;

  static OnnxTensor read(ProtobufReader message) {
    ProtobufReader in = message.fromBegin();
    String name = "";
    LongStream.Builder dims = LongStream.builder();
    int dataType = 0;
    int location = 0;
    Map<String, String> external = new HashMap<>();
    MemorySegment raw = MemorySegment.NULL;
    long rawOffset = 0;
    while (in.next()) {
      switch (in.field()) {
        case DIMS -> in.varints(dims);
        case DATA_TYPE -> dataType = in.int32();
        case NAME -> name = in.string();
        case RAW_DATA -> {
          raw = in.bytes();
          rawOffset = in.offset();
        }
        case EXTERNAL_DATA -> OnnxGraph.readEntry(in.message(), external);
        case DATA_LOCATION -> location = in.int32();
        default -> {}
      }
    }
    return new OnnxTensor(
        name,
        dims.build().toArray(),
        dataType,
        location == EXTERNAL,
        external,
        raw,
        rawOffset,
        message);
  }

  /** The number of elements that are stored in the field of their type. */
  long typedCount(DType dtype) {
    long[] count = {0};
    ProtobufReader in = message.fromBegin();
    while (in.next()) {
      if (in.field() == field(dtype)) {
        if (dtype == DType.F32) {
          count[0] += in.float32s().byteSize() / Float.BYTES;
        } else {
          in.varints(value -> count[0]++);
        }
      }
    }
    return count[0];
  }

  /**
   * The elements that are stored in the field of their type, as little-endian bytes. Elements of 8
   * and 16 bits are the low bits of integers.
   *
   * @param count the number of elements, {@link #typedCount}
   */
  byte[] typedValues(DType dtype, int count) {
    ByteBuffer values =
        ByteBuffer.allocate(Math.multiplyExact(count, dtype.bytes()))
            .order(ByteOrder.LITTLE_ENDIAN);
    ProtobufReader in = message.fromBegin();
    while (in.next()) {
      if (in.field() == field(dtype)) {
        switch (dtype) {
          case F32 -> values.put(in.float32s().asByteBuffer());
          case I64 -> in.varints(values::putLong);
          case I32 -> in.varints(value -> values.putInt((int) value));
          case F16, BF16 -> in.varints(value -> values.putShort((short) value));
          case U8 -> in.varints(value -> values.put((byte) value));
        }
      }
    }
    return values.array();
  }

  private static int field(DType dtype) {
    return switch (dtype) {
      case F32 -> FLOAT_DATA;
      case I64 -> INT64_DATA;
      case I32, F16, BF16, U8 -> INT32_DATA;
    };
  }

  /**
   * The elements of a constant that describes the architecture, as little-endian bytes, however
   * they are stored. Empty for a tensor of more than {@value #SMALL_BYTES} bytes, which is none.
   */
  ByteBuffer constant(DType dtype) {
    ByteBuffer values = ByteBuffer.allocate(0);
    if (raw.byteSize() > 0) {
      if (raw.byteSize() <= SMALL_BYTES) {
        values = raw.asByteBuffer();
      }
    } else if (typedCount(dtype) <= SMALL_BYTES / dtype.bytes()) {
      values = ByteBuffer.wrap(typedValues(dtype, (int) typedCount(dtype)));
    }
    return values.order(ByteOrder.LITTLE_ENDIAN);
  }
}
