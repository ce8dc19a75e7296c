package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsCheckpointTest {
  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void name() {
    file = folder.resolve("model.safetensors");
  }

  @AfterEach
  void everythingIsReleased() throws IOException {
    OpenFiles.assertNoneIn(folder);
  }

  @Test
  void readsWhatTheWriterWrote() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("half", Tensor.of(DType.F16, new long[] {1}, bytes(0x00, 0x3C)));
    tensors.put("brain", Tensor.of(DType.BF16, new long[] {1}, bytes(0x80, 0x3F)));
    tensors.put("ids", Tensor.ofLongs(new long[] {5, -6}, 2));
    tensors.put("matrix", Tensor.ofFloats(new float[] {1, 2, 3, 4, 5, 6}, 2, 3));
    tensors.put("transposed", tensors.get("matrix").transpose(0, 1));
    tensors.put("empty", Tensor.ofFloats(new float[0], 0, 3));
    tensors.put("scalar", Tensor.ofFloats(new float[] {7}));
    SafetensorsWriter.write(file, tensors, Map.of("op", "é\"\\"));
    try (SafetensorsCheckpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      assertEquals(tensors.keySet(), checkpoint.names());
      assertEquals(Map.of("op", "é\"\\"), checkpoint.metadata());
      for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
        Tensor read = checkpoint.tensor(entry.getKey(), arena);
        assertEquals(entry.getValue().toString(), read.toString());
        assertEquals(0, read.data().address() % read.dtype().bytes(), "alignment");
        if (read.dtype() == DType.I64) {
          assertArrayEquals(entry.getValue().toLongs(), read.toLongs());
        } else {
          assertArrayEquals(entry.getValue().toFloats(), read.toFloats());
        }
      }
    }
  }

  private static MemorySegment bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return MemorySegment.ofArray(bytes);
  }

  @Test
  void readsDataAtAnyAddress() throws IOException {
    write("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}   ", 0, 0, 128, 63);
    try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      assertArrayEquals(new float[] {1}, checkpoint.tensor("a", arena).toFloats());
    }
  }

  @Test
  void tensorsOutliveTheCheckpointAndEndWithTheirArena() throws IOException {
    SafetensorsWriter.write(file, Map.of("a", Tensor.ofFloats(new float[] {1}, 1)), Map.of());
    Tensor tensor;
    try (Arena arena = Arena.ofConfined()) {
      Checkpoint checkpoint = SafetensorsCheckpoint.open(file);
      tensor = checkpoint.tensor("a", arena);
      checkpoint.close();
      Exception e = assertThrows(IllegalStateException.class, () -> checkpoint.tensor("a", arena));
      assertEquals(file + " is closed", e.getMessage());
      assertArrayEquals(new float[] {1}, tensor.toFloats());
    }
    assertThrows(IllegalStateException.class, tensor::toFloats);
    Files.delete(file);
    SafetensorsWriter.write(file, Map.of("b", tensor(2)), Map.of());
    try (Checkpoint again = SafetensorsCheckpoint.open(file)) {
      assertEquals(List.of("b"), List.copyOf(again.names()));
    }
  }

  private static Tensor tensor(float value) {
    return Tensor.ofFloats(new float[] {value}, 1);
  }

  @Test
  void namesAMissingTensor() throws IOException {
    SafetensorsWriter.write(file, Map.of("a", tensor(1)), Map.of());
    try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      Exception e = assertThrows(CheckpointException.class, () -> checkpoint.tensor("b", arena));
      assertEquals(file + ": no tensor named b", e.getMessage());
    }
  }

  @Test
  void namesADtypeThatIsNotOurs() throws IOException {
    write("{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", new int[8]);
    try (Checkpoint checkpoint = SafetensorsCheckpoint.open(file);
        Arena arena = Arena.ofConfined()) {
      Exception e = assertThrows(CheckpointException.class, () -> checkpoint.tensor("a", arena));
      assertEquals(
          file + ": tensor a has dtype F64, expected one of [F32, F16, BF16, I64, I32, U8]",
          e.getMessage());
    }
  }

  /** A temporary file of the JDK is private to its owner, and stays so when it is renamed. */
  @Test
  void writtenFilesHaveTheUsualPermissions() throws IOException {
    SafetensorsWriter.write(file, Map.of("a", tensor(1)), Map.of());
    Path usual = Files.createFile(folder.resolve("usual"));
    assertEquals(Files.getPosixFilePermissions(usual), Files.getPosixFilePermissions(file));
  }

  @Test
  void tellsHowMuchIsWritten() throws IOException {
    List<Long> written = new ArrayList<>();
    SafetensorsWriter.write(file, Map.of("a", tensor(1), "b", tensor(1)), Map.of(), written::add);
    assertEquals(List.of(tensor(1).byteSize(), tensor(1).byteSize()), written);
  }

  @Test
  void namesAFileThatIsNotThere() {
    Exception e = assertThrows(CheckpointException.class, () -> SafetensorsCheckpoint.open(file));
    assertEquals(file + ": no such file", e.getMessage());
  }

  @Test
  void refusesAFileThatIsTooShort() throws IOException {
    Files.write(file, new byte[7]);
    assertRefused("7 bytes are too few for a safetensors file");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "11 | a header of 11 bytes in a file of 18, expected at most 10",
        "2147483648 | a header of 2147483648 bytes in a file of 18, expected at most 10",
        "-1 | a header of 18446744073709551615 bytes in a file of 18, expected at most 10",
        "0 | the header does not begin with {"
      })
  void refusesALengthThatLies(long length, String message) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(18).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
    bytes.put("{}        ".getBytes(StandardCharsets.US_ASCII));
    Files.write(file, bytes.array());
    assertRefused(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[0,8] [4,12] 12 | tensors a and b overlap",
        "[0,8] [0,8] 8 | tensors a and b overlap",
        "[0,8] [12,20] 20 | 4 bytes before tensor b belong to none",
        "[4,12] [12,20] 20 | 4 bytes before tensor a belong to none",
        "[0,8] [8,16] 17 | the last 1 bytes belong to no tensor",
        "[0,8] [8,16] 15 | tensor b ends at byte 16 of the data, of which the file has 15",
        "[0,8] [8,7] 16 | tensor b has data_offsets [8, 7], expected [begin, end]",
        "[0,8] [8] 16 | tensor b has data_offsets [8], expected [begin, end]",
        "[0,8] [-8,0] 16 | tensor b: data_offsets holds -8, expected an integer from 0 to 2^63 - 1",
        "[0,8] [8,1e1] 16 | tensor b: data_offsets holds 10.0, expected an integer from 0 to 2^63 -"
            + " 1",
        "[0,8] [8,\"16\"] 16 | tensor b: data_offsets holds \"16\", expected an integer from 0 to"
            + " 2^63 - 1",
        "[0,8] [8,12] 12 | tensor b: F32 [2] takes 64 bits, but data_offsets [8, 12] hold 4 bytes",
        "[0,8] [9223372036854775799,9223372036854775807] 16 | tensor b ends at byte"
            + " 9223372036854775807 of the data, of which the file has 16"
      })
  void refusesPlacesThatLie(String places, String message) throws IOException {
    String[] fields = places.split(" ");
    write(
        String.format(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":%s},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":%s}}",
            fields[0], fields[1]),
        new int[Integer.parseInt(fields[2])]);
    assertRefused(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]} | tensor a has the unknown dtype"
            + " \"F33\"",
        "{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]} | tensor a has the unknown dtype 7",
        "{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]} | tensor a: shape holds -1,"
            + " expected an integer from 0 to 2^63 - 1",
        "{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,4]} | tensor a: shape is 4",
        "{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]} | tensor a"
            + " has the impossible shape [4294967296, 4294967296]",
        "{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]} | tensor a"
            + " has the impossible shape [0, 4294967296, 4294967296]",
        "{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]} | tensor a: F4 [3] takes 12 bits,"
            + " but data_offsets [0, 2] hold 2 bytes",
        "{\"dtype\":\"F32\",\"shape\":[1]} | tensor a has the fields [dtype, shape], expected"
            + " dtype, shape, data_offsets",
        "[] | tensor a is an array in the header"
      })
  void refusesEntriesThatLie(String entry, String message) throws IOException {
    write("{\"a\":" + entry + "}", new int[4]);
    assertRefused(message);
  }

  @Test
  void refusesMetadataThatAreNotStrings() throws IOException {
    write("{\"__metadata__\":{\"op\":1}}");
    assertRefused("__metadata__.op is 1, expected a string");
  }

  @Test
  void refusesRepeatedTensors() throws IOException {
    String a = "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";
    write("{" + a + "," + a + "}", new int[4]);
    assertRefused("header: $.a appears twice");
  }

  @Test
  void refusesDepth() throws IOException {
    write("{\"a\":" + "[".repeat(100_000));
    Exception e = assertThrows(CheckpointException.class, () -> SafetensorsCheckpoint.open(file));
    assertTrue(e.getMessage().contains("Nesting limit 64"), e.getMessage());
  }

  @Test
  void everyPrefixOfAFileIsRefused() throws IOException {
    SafetensorsWriter.write(file, Map.of("a", tensor(1)), Map.of("k", "v"));
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThrows(CheckpointException.class, () -> SafetensorsCheckpoint.open(file).close());
    }
  }

  @Test
  void aFailedWriteLeavesNothingBehind() throws IOException {
    Files.createDirectory(file);
    Files.createFile(file.resolve("occupant"));
    assertThrows(
        IOException.class, () -> SafetensorsWriter.write(file, Map.of("a", tensor(1)), Map.of()));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(List.of(file), left.toList());
    }
    assertFalse(Files.isRegularFile(file));
  }

  private void assertRefused(String message) {
    Exception e = assertThrows(CheckpointException.class, () -> SafetensorsCheckpoint.open(file));
    assertEquals(file + ": " + message, e.getMessage());
  }

  private void write(String header, int... data) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(text.length).put(text);
    for (int value : data) {
      bytes.put((byte) value);
    }
    Files.write(file, bytes.array());
  }
}
