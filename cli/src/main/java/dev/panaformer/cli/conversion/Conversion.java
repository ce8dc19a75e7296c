package dev.panaformer.cli.conversion;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.OnnxCheckpoint;
import dev.panaformer.checkpoint.PartialFolder;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Converts an ONNX export to a folder in Hugging Face's layout. */
public final class Conversion {
  private Conversion() {}

  /** Is told how many bytes of weights have been written, and how many there are. */
  public interface Progress {
    void at(long done, long total);
  }

  /**
   * Writes model.safetensors and what belongs to the model beside the export: config.json, the
   * tokenizer, how sentences become vectors. Where there is no config.json, one is derived from the
   * graph.
   *
   * @param tokenizer the model's tokenizer.json, or null for the files that lie beside the export
   * @throws dev.panaformer.checkpoint.CheckpointException if the export is not of a model that can
   *     be run
   */
  public static void write(Path onnx, Path tokenizer, PartialFolder folder, Progress progress)
      throws IOException {
    Path beside = ExportFolder.of(onnx);
    for (Path file : ExportFolder.configuration(beside)) {
      folder.copy(beside.resolve(file), file);
    }
    if (tokenizer != null) {
      folder.copy(tokenizer, Path.of("tokenizer.json"));
    } else {
      for (Path file : ExportFolder.tokenizer(beside)) {
        folder.copy(beside.resolve(file), file);
      }
    }
    writeWeights(onnx, folder, progress);
  }

  /** Writes model.safetensors, and a config.json derived from the graph where there is none. */
  static void writeWeights(Path onnx, PartialFolder folder, Progress progress) throws IOException {
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(onnx);
        Arena arena = Arena.ofConfined()) {
      Map<String, Tensor> parameters = parameters(checkpoint, arena);
      long total = parameters.values().stream().mapToLong(Tensor::byteSize).sum();
      long[] written = {0};
      folder.fill(path -> {
        Path config = path.resolve("config.json");
        if (!Files.exists(config)) {
          Files.writeString(config, checkpoint.config() + System.lineSeparator());
        }
        SafetensorsWriter.write(
            path.resolve("model.safetensors"),
            parameters,
            Map.of("format", "pt"),
            bytes -> progress.at(written[0] += bytes, total));
      });
    }
  }

  private static Map<String, Tensor> parameters(Checkpoint checkpoint, Arena arena) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String name : checkpoint.names()) {
      // The constants of a graph have paths for names; parameters end in what they are.
      if (name.endsWith(".weight") || name.endsWith(".bias")) {
        tensors.put(name, checkpoint.tensor(name, arena));
      }
    }
    return tensors;
  }
}
