package dev.panaformer.cli.conversion;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.OnnxCheckpoint;
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

  /**
   * Writes config.json and model.safetensors.
   *
   * @throws dev.panaformer.checkpoint.CheckpointException if the export is not of a model that can
   *     be run
   */
  public static void write(Path onnx, Path folder) throws IOException {
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(onnx);
        Arena arena = Arena.ofConfined()) {
      Files.writeString(
          folder.resolve("config.json"), checkpoint.config() + System.lineSeparator());
      SafetensorsWriter.write(
          folder.resolve("model.safetensors"),
          parameters(checkpoint, arena),
          Map.of("format", "pt"));
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
