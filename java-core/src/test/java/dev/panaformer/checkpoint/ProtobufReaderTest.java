package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.ProtobufMessage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Messages that protobuf itself has written, and such as nobody should write. */
class ProtobufReaderTest {
  private static ProtobufReader reader(ProtobufMessage message) {
    return reader(message.toByteArray());
  }

  private static ProtobufReader reader(byte[] bytes) {
    return ProtobufReader.of(Path.of("x.onnx"), "an ONNX model", MemorySegment.ofArray(bytes));
  }

  @Test
  void fieldsComeAsTheyWereWritten() {
    ProtobufReader in =
        reader(
            new ProtobufMessage()
                .varint(1, Long.MIN_VALUE)
                .varint(2, -7)
                .float32(3, 1.5f)
                .float64(4, -2.25)
                .text(5, "h\u00e9\uD83D\uDE00")
                .bytes(536870911, new byte[] {4, 5, 6}));
    assertTrue(in.next());
    assertEquals(1, in.field());
    assertEquals(Long.MIN_VALUE, in.varint());
    assertTrue(in.next());
    assertEquals(-7, in.int32());
    assertTrue(in.next());
    assertEquals(1.5f, in.float32());
    assertTrue(in.next());
    assertEquals(-2.25, in.float64());
    assertTrue(in.next());
    assertEquals("h\u00e9\uD83D\uDE00", in.string());
    assertTrue(in.next());
    assertEquals(536870911, in.field());
    assertArrayEquals(new byte[] {4, 5, 6}, in.bytes().toArray(ValueLayout.JAVA_BYTE));
    assertFalse(in.next());
    assertFalse(in.next());
  }

  @Test
  void fieldsThatNobodyReadsAreSkippedAndMessagesCanBeReadAgain() {
    ProtobufMessage attribute = new ProtobufMessage().text(1, "a").float32(2, 2);
    ProtobufMessage node = new ProtobufMessage().text(3, "n").message(5, attribute);
    ProtobufReader model =
        reader(new ProtobufMessage().message(7, new ProtobufMessage().message(1, node)));
    assertTrue(model.next());
    ProtobufReader graph = model.message();
    assertFalse(model.next());
    for (int time = 0; time < 2; time++) {
      ProtobufReader again = graph.fromBegin();
      assertTrue(again.next());
      ProtobufReader nested = again.message();
      List<Integer> fields = new ArrayList<>();
      while (nested.next()) {
        fields.add(nested.field());
      }
      assertEquals(List.of(3, 5), fields);
    }
  }

  @Test
  void repeatedNumbersArePackedOrNot() {
    long[] expected = {0, 1, -1, 300, Long.MAX_VALUE, Long.MIN_VALUE};
    ProtobufMessage packed =
        new ProtobufMessage().packed(7, 0, 1).packed(7, -1, 300, Long.MAX_VALUE, Long.MIN_VALUE);
    ProtobufMessage single = new ProtobufMessage().varint(7, expected);
    for (ProtobufMessage message : List.of(packed, single)) {
      ProtobufReader in = reader(message);
      LongStream.Builder values = LongStream.builder();
      while (in.next()) {
        in.varints(values);
      }
      assertArrayEquals(expected, values.build().toArray());
    }
  }

  @Test
  void floatsStayWhereTheyAre() {
    ValueLayout.OfFloat layout =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    ProtobufReader in =
        reader(
            new ProtobufMessage()
                .bytes(4, HexFormat.of().parseHex("0000803f00000040"))
                .float32(4, 3));
    assertTrue(in.next());
    assertArrayEquals(new float[] {1, 2}, in.float32s().toArray(layout));
    assertEquals(2, in.offset());
    assertTrue(in.next());
    assertArrayEquals(new float[] {3}, in.float32s().toArray(layout));
  }

  static Stream<Arguments> damaged() {
    return Stream.of(
        damaged("00", in -> {}, "an impossible field number"),
        damaged("8080808080808001", in -> {}, "an impossible field number"),
        damaged("08", in -> {}, "the message ends within a number"),
        damaged("08ff", in -> {}, "the message ends within a number"),
        damaged("08ffffffffffffffffffff01", in -> {}, "a number of more than 10 bytes"),
        damaged("0d000000", in -> {}, "field 1 of 4 bytes, of which the message has 3 left"),
        damaged("09000000", in -> {}, "field 1 of 8 bytes, of which the message has 3 left"),
        damaged("0a02ff", in -> {}, "field 1 of 2 bytes, of which the message has 1 left"),
        damaged("0affffffffffffffffff01", in -> {}, "field 1 of 18446744073709551615 bytes"),
        damaged("0b0c", in -> {}, "wire type 3 of field 1"),
        damaged("0c", in -> {}, "wire type 4 of field 1"),
        damaged("0f", in -> {}, "wire type 7 of field 1"),
        damaged("0800", ProtobufReader::string, "field 1 has the wire type 0, expected 2"),
        damaged("0a00", ProtobufReader::varint, "field 1 has the wire type 2, expected 0"),
        damaged("0800", ProtobufReader::float32, "field 1 has the wire type 0, expected 5"),
        damaged("0800", ProtobufReader::float64, "field 1 has the wire type 0, expected 1"),
        damaged("0a01ff", ProtobufReader::string, "the string of field 1 is not UTF-8"),
        damaged("088080808008", ProtobufReader::int32, "is 2147483648, expected 32 bits"),
        damaged("0a03000000", ProtobufReader::float32s, "3 bytes of field 1 are no floats"),
        damaged("0a0280", in -> {}, "of which the message has 1 left"),
        damaged("0a018000", in -> in.varints(value -> {}), "the message ends within a number"));
  }

  private static Arguments damaged(String hex, Consumer<ProtobufReader> read, String message) {
    return Arguments.of(hex, read, message);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("damaged")
  void damageIsNamedWithItsOffset(String hex, Consumer<ProtobufReader> read, String message) {
    ProtobufReader in = reader(HexFormat.of().parseHex("1000" + hex));
    assertTrue(in.next());
    String found =
        assertThrows(
                CheckpointException.class,
                () -> {
                  in.next();
                  read.accept(in);
                })
            .getMessage();
    assertTrue(found.startsWith("x.onnx: not an ONNX model: "), found);
    assertTrue(found.contains(message), found);
    assertTrue(found.matches(".*, at byte [24]"), found);
  }

  @Test
  void depthAndStringsAreBounded() {
    ProtobufMessage nested = new ProtobufMessage();
    for (int depth = 0; depth <= ProtobufReader.MAX_DEPTH; depth++) {
      nested = new ProtobufMessage().message(1, nested);
    }
    byte[] bytes = nested.toByteArray();
    String found =
        assertThrows(
                CheckpointException.class,
                () -> {
                  ProtobufReader in = reader(bytes);
                  while (in.next()) {
                    in = in.message();
                  }
                })
            .getMessage();
    assertTrue(found.contains("more than 64 messages inside one another"), found);

    int most = ProtobufReader.MAX_STRING_BYTES;
    ProtobufReader longest = reader(new ProtobufMessage().bytes(1, new byte[most]));
    assertTrue(longest.next());
    assertEquals(most, longest.string().length());
    ProtobufReader tooLong = reader(new ProtobufMessage().bytes(1, new byte[most + 1]));
    assertTrue(tooLong.next());
    assertThrows(CheckpointException.class, tooLong::string);
  }
}
