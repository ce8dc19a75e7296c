package dev.panaformer.checkpoint;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** Recognises what people have on disk that is no model in Hugging Face's layout. */
final class ForeignFolder {
  private static final byte[] LFS_POINTER =
      "version https://git-lfs.github.com/spec/".getBytes(StandardCharsets.UTF_8);

  private ForeignFolder() {}

  /**
   * Refuses a file in whose place Git left a pointer.
   *
   * @param beginning its first bytes, at least 64 if it has so many
   */
  static void requireContent(Path file, byte[] beginning) {
    if (beginning.length >= LFS_POINTER.length
        && Arrays.equals(beginning, 0, LFS_POINTER.length, LFS_POINTER, 0, LFS_POINTER.length)) {
      throw new CheckpointException(
          file + ": a pointer of Git LFS instead of the file; git lfs pull fetches the file");
    }
  }

  /**
   * What a folder without config.json is.
   *
   * @throws IOException if it cannot be listed
   */
  static Optional<UnsupportedModelException> withoutConfig(Path folder) throws IOException {
    if (Files.exists(folder.resolve("adapter_config.json"))) {
      return Optional.of(
          new UnsupportedModelException(
              folder
                  + ": an adapter, expected a whole model; merge_and_unload of the peft library"
                  + " merges an adapter into its base model"));
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.gguf")) {
      for (Path file : files) {
        return Optional.of(
            new UnsupportedModelException(
                file
                    + ": a GGUF file, which is not read, expected config.json with"
                    + " model.safetensors or model.onnx"));
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return Optional.empty();
  }

  /** Refuses the configuration of another library, which has the same name. */
  static void requireTransformers(ConfigJson config) {
    boolean timm = config.has("architecture") || config.has("pretrained_cfg");
    if (timm && !config.has("model_type")) {
      throw new UnsupportedModelException(
          config.source()
              + ": a model of the timm library, expected one of the transformers library, whose"
              + " configuration has model_type");
    }
  }
}
