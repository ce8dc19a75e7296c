package dev.panaformer.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.LongConsumer;

/**
 * Reads the fields of a protobuf message in a file, in the order of the file and without copying
 * them. For the formats of models that are protobuf messages, which use a dozen fields of them.
 *
 * <pre>{@code
 * while (message.next()) {
 *   switch (message.field()) {
 *     case 1 -> name = message.string();
 *     case 2 -> message.varints(dims::add);
 *     case 3 -> readPart(message.message());
 *     default -> {} // skipped
 *   }
 * }
 * }</pre>
 *
 * <p>Each method that returns a value throws a {@link CheckpointException} if the field has another
 * wire type. Groups, which protobuf has replaced by nested messages, are refused. A size that
 * exceeds the enclosing message is refused before anything is allocated for it. All exceptions name
 * the file and the offset in it.
 *
 * <p>Not thread-safe. Valid as long as the memory that it reads.
 *
 * <p>Format: <a href="https://protobuf.dev/programming-guides/encoding/">Protocol Buffers,
 * Encoding</a>.
 */
public final class ProtobufReader {
  /** The largest size of a string in bytes. Names and words are much shorter. */
  public static final int MAX_STRING_BYTES = 1 << 20;

  /** The largest number of messages inside one another. */
  public static final int MAX_DEPTH = 64;

  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  private static final int MAX_VARINT_BYTES = 10;

  private static final ValueLayout.OfByte LAYOUT8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfInt LAYOUT32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LAYOUT64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final String format;
  private final MemorySegment bytes;
  private final long begin;
  private final long end;
  private final int depth;

  private long position; // of the next key; the others tell the current field
  private long keyOffset;
  private int field;
  private int wireType;
  private long start;
  private long varint;

  private ProtobufReader(
      Path file, String format, MemorySegment bytes, long begin, long end, int depth) {
    this.file = file;
    this.format = format;
    this.bytes = bytes;
    this.begin = begin;
    this.end = end;
    this.position = begin;
    this.depth = depth;
  }

  /**
   * Creates a reader of the message that a whole file consists of.
   *
   * @param file the file, for exceptions
   * @param format what the file should be, for exceptions: {@code an ONNX model}
   * @param bytes the content of the file
   */
  public static ProtobufReader of(Path file, String format, MemorySegment bytes) {
    return new ProtobufReader(file, format, bytes, 0, bytes.byteSize(), 0);
  }

  /** Creates another reader of the same message, before its first field. */
  public ProtobufReader fromBegin() {
    return new ProtobufReader(file, format, bytes, begin, end, depth);
  }

  /** Advances to the next field. Returns false after the last one. */
  public boolean next() {
    if (position == end) {
      return false;
    }
    keyOffset = position;
    long key = readVarint();
    field = (int) (key >>> 3);
    wireType = (int) key & 7;
    if (key >>> 32 != 0 || field == 0) {
      throw damaged("an impossible field number");
    }
    start = position;
    switch (wireType) {
      case VARINT -> varint = readVarint();
      case FIXED32 -> skip(Integer.BYTES);
      case FIXED64 -> skip(Long.BYTES);
      case BYTES -> {
        long size = readVarint();
        start = position;
        skip(size);
      }
      default -> throw damaged("wire type " + wireType + " of field " + field);
    }
    return true;
  }

  private void skip(long size) {
    if (size < 0 || size > end - position) {
      throw damaged(
          String.format(
              "field %d of %s bytes, of which the message has %d left",
              field, Long.toUnsignedString(size), end - position));
    }
    position += size;
  }

  /** Decodes the varint at the position and advances behind it. */
  private long readVarint() {
    long value = 0;
    for (int i = 0; i < MAX_VARINT_BYTES; i++) {
      if (position == end) {
        throw damaged("the message ends within a number");
      }
      byte next = bytes.get(LAYOUT8, position++);
      value |= (long) (next & 0x7F) << 7 * i;
      if (next >= 0) {
        return value;
      }
    }
    throw damaged("a number of more than " + MAX_VARINT_BYTES + " bytes");
  }

  /** The number of the current field. */
  public int field() {
    return field;
  }

  /** The offset of the current field's value in the file; of bytes, that of the first one. */
  public long offset() {
    return start;
  }

  /** The value of an {@code int64}, {@code uint64} or {@code bool} field. */
  public long varint() {
    require(VARINT);
    return varint;
  }

  /** The value of an {@code int32} or enum field. */
  public int int32() {
    long value = varint();
    if (value != (int) value) {
      throw damaged("field " + field + " is " + value + ", expected 32 bits");
    }
    return (int) value;
  }

  /** The value of a {@code float} field. */
  public float float32() {
    require(FIXED32);
    return Float.intBitsToFloat(bytes.get(LAYOUT32, start));
  }

  /** The value of a {@code double} field. */
  public double float64() {
    require(FIXED64);
    return Double.longBitsToDouble(bytes.get(LAYOUT64, start));
  }

  /** The value of a {@code string} field of at most {@value #MAX_STRING_BYTES} bytes. */
  public String string() {
    MemorySegment utf8 = bytes();
    if (utf8.byteSize() > MAX_STRING_BYTES) {
      throw damaged(
          String.format(
              "a string of %d bytes in field %d, expected at most %d",
              utf8.byteSize(), field, MAX_STRING_BYTES));
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(utf8.asByteBuffer()).toString();
    } catch (CharacterCodingException e) {
      throw damaged("the string of field " + field + " is not UTF-8");
    }
  }

  /** The value of a {@code bytes} field, where it lies. */
  public MemorySegment bytes() {
    require(BYTES);
    return bytes.asSlice(start, position - start);
  }

  /** A reader of a nested message. It may be used after this one has advanced. */
  public ProtobufReader message() {
    require(BYTES);
    if (depth == MAX_DEPTH) {
      throw damaged("more than " + MAX_DEPTH + " messages inside one another");
    }
    return new ProtobufReader(file, format, bytes, start, position, depth + 1);
  }

  /**
   * Passes on the values of a {@code repeated int64} or {@code int32} field: one, or all of a
   * packed field. A message may have several such fields, whose values follow one another.
   */
  public void varints(LongConsumer values) {
    if (wireType == VARINT) {
      values.accept(varint);
      return;
    }
    ProtobufReader packed = message();
    while (packed.position < packed.end) {
      packed.keyOffset = packed.position;
      values.accept(packed.readVarint());
    }
  }

  /**
   * The values of a {@code repeated float} field, where they lie, as little-endian float32: one, or
   * all of a packed field. A message may have several such fields, whose values follow one another.
   */
  public MemorySegment float32s() {
    if (wireType == FIXED32) {
      return bytes.asSlice(start, Float.BYTES);
    }
    MemorySegment values = bytes();
    if (values.byteSize() % Float.BYTES != 0) {
      throw damaged(String.format("%d bytes of field %d are no floats", values.byteSize(), field));
    }
    return values;
  }

  private void require(int expected) {
    if (wireType != expected) {
      throw damaged(
          String.format("field %d has the wire type %d, expected %d", field, wireType, expected));
    }
  }

  private CheckpointException damaged(String what) {
    return new CheckpointException(
        String.format("%s: not %s: %s, at byte %d", file, format, what, keyOffset));
  }
}
