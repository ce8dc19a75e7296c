package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What is no model is told what it is, and what to do. */
class ForeignFolderTest {
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";

  @TempDir Path folder;

  private static void assertRefused(String expected, Executable reading) {
    Exception e = assertThrows(CheckpointException.class, reading);
    assertTrue(e.getMessage().contains(expected), e.getMessage());
  }

  @Test
  void pointersOfGitLfs() throws IOException {
    for (String name : new String[] {"config.json", "model.safetensors", "tokenizer.json"}) {
      Files.writeString(folder.resolve(name), POINTER);
    }
    String expected = "a pointer of Git LFS instead of the file; git lfs pull";
    assertRefused(
        folder.resolve("config.json") + ": " + expected, () -> ModelFolder.open(folder).config());
    assertRefused(
        folder.resolve("model.safetensors") + ": " + expected,
        () -> ModelFolder.open(folder).openWeights());
    Path tokenizer = folder.resolve("tokenizer.json");
    assertRefused(tokenizer + ": " + expected, () -> JsonStream.open(tokenizer));
    assertRefused(tokenizer + ": " + expected, () -> StrictJson.read(tokenizer));
  }

  @Test
  void filesThatAreShorterThanAPointer() throws IOException {
    Path file = Files.writeString(folder.resolve("config.json"), "{}");
    assertEquals(0, ModelFolder.open(folder).config().fields().size());
    Files.writeString(file, "");
    assertRefused("config.json: not valid JSON", () -> ModelFolder.open(folder).config());
  }

  @Test
  void adaptersAndOtherFormats() throws IOException {
    Path adapter = Files.createDirectory(folder.resolve("adapter"));
    Files.writeString(adapter.resolve("adapter_config.json"), "{}");
    assertRefused(adapter + ": an adapter", () -> ModelFolder.open(adapter).config());
    Path gguf = Files.createDirectory(folder.resolve("gguf"));
    Files.writeString(gguf.resolve("m.gguf"), "GGUF");
    assertRefused(gguf.resolve("m.gguf") + ": a GGUF file", () -> ModelFolder.open(gguf).config());
  }

  @Test
  void configurationsOfTimm() throws IOException {
    Files.writeString(
        folder.resolve("config.json"), "{\"architecture\": \"vit_base\", \"num_classes\": 9}");
    assertRefused("a model of the timm library", () -> ModelFolder.open(folder).config());
  }
}
