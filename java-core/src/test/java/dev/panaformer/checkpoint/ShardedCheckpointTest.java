package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardedCheckpointTest {
  @TempDir Path folder;
  private Path index;

  @BeforeEach
  void writeShards() throws IOException {
    index = folder.resolve("model.safetensors.index.json");
    write("1.safetensors", "a", 1);
    write("2.safetensors", "b", 2);
  }

  @AfterEach
  void everythingIsReleased() throws IOException {
    OpenFiles.assertNoneIn(folder);
  }

  private void write(String file, String tensor, float value) throws IOException {
    SafetensorsWriter.write(
        folder.resolve(file), Map.of(tensor, Tensor.ofFloats(new float[] {value}, 1)), Map.of());
  }

  private void writeIndex(String map) throws IOException {
    Files.writeString(index, "{\"metadata\":{},\"weight_map\":" + map + "}");
  }

  @Test
  void findsTensorsInTheirFiles() throws IOException {
    writeIndex("{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}");
    try (Checkpoint checkpoint = ShardedCheckpoint.open(index);
        Arena arena = Arena.ofConfined()) {
      assertEquals(Set.of("a", "b"), checkpoint.names());
      assertArrayEquals(new float[] {1}, checkpoint.tensor("a", arena).toFloats());
      assertArrayEquals(new float[] {2}, checkpoint.tensor("b", arena).toFloats());
      Exception e = assertThrows(CheckpointException.class, () -> checkpoint.tensor("c", arena));
      assertEquals(index + ": no tensor named c", e.getMessage());
    }
  }

  @Test
  void namesATensorThatIsNotInItsFile() throws IOException {
    writeIndex("{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"}");
    assertRefused(
        folder.resolve("1.safetensors") + ": no tensor named b, which " + index + " places there");
  }

  @Test
  void namesAFileThatIsNotThere() throws IOException {
    writeIndex("{\"a\":\"1.safetensors\",\"b\":\"3.safetensors\"}");
    Path missing = folder.resolve("3.safetensors");
    assertRefused(missing + ": no such file");
  }

  @Test
  void refusesFilesOutsideTheFolder() throws IOException {
    writeIndex("{\"a\":\"../1.safetensors\"}");
    assertRefused(index + ": refers to \"../1.safetensors\", expected a path within its folder");
  }

  @Test
  void refusesAMapThatIsNone() throws IOException {
    writeIndex("{\"a\":1}");
    assertRefused(index + ": weight_map.a is 1, expected a string");
  }

  private void assertRefused(String message) {
    Exception e = assertThrows(CheckpointException.class, () -> ShardedCheckpoint.open(index));
    assertEquals(message, e.getMessage());
  }
}
