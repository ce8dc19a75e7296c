package dev.panaformer;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
import dev.panaformer.checkpoint.PartialFolder;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.kernel.Kernels;
import dev.panaformer.kernel.linear.PackedWeight;
import dev.panaformer.kernel.memory.NativeMemory;
import dev.panaformer.model.ModelConfig;
import dev.panaformer.nn.weights.NonFiniteWeights;
import dev.panaformer.nn.weights.QuantizedWeights;
import dev.panaformer.nn.weights.Weights;
import dev.panaformer.tensor.DType;
import dev.panaformer.tensor.Tensor;
import dev.panaformer.threads.ComputeThreads;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Writes model folders whose weights are already packed. Such a folder is loaded by mapping its
 * weights. Its results are the same, to the last bit, as with weights that are packed during
 * loading. {@code docs/precision.md} describes the layout of the folder.
 */
public final class Quantization {
  /** Suffixes of the names of weight files, in supported and in other formats. */
  private static final List<String> WEIGHTS =
      List.of(
          ".safetensors",
          ".safetensors.index.json",
          ".onnx",
          ".onnx_data",
          ".bin",
          ".bin.index.json",
          ".h5",
          ".msgpack",
          ".ot",
          ".pt",
          ".pth",
          ".gguf");

  private Quantization() {}

  /**
   * Writes a copy of a model's folder with its weights packed in low precision.
   *
   * @param source a folder that a model class can load
   * @param target the folder to write. It must be absent or empty, and appears only when it is
   *     complete.
   * @throws IllegalArgumentException if the precision is {@link Precision#FP32}
   * @throws CheckpointException if the source holds no model, or weights that are already packed or
   *     not finite
   * @throws IOException if the target cannot be written; nothing is left behind
   */
  public static void write(Path source, Path target, Precision precision) throws IOException {
    write(source, target, precision, (step, done, total) -> {});
  }

  /** Is told how far the work is, on the thread that does it. */
  public interface Progress {
    /**
     * @param step what is done at the moment: one of "Checking", "Packing" and "Writing"
     * @param done how much of it, in bytes
     * @param total when it is finished; known when it begins
     */
    void at(String step, long done, long total);
  }

  /** Like {@link #write(Path, Path, Precision)}, telling how far it is. */
  public static void write(Path source, Path target, Precision precision, Progress progress)
      throws IOException {
    if (precision == Precision.FP32) {
      throw new IllegalArgumentException(
          "precision is fp32, expected bf16, int8, int4 or int4-128");
    }
    ComputeThreads.<Void, IOException>runAlone(
        "panaformer-quantization",
        () -> {
          writeFolder(source, target, precision, progress);
          return null;
        });
  }

  private static void writeFolder(Path source, Path target, Precision precision, Progress progress)
      throws IOException {
    ModelFolder folder = ModelFolder.open(source);
    requireAbsent(target);
    try (PartialFolder partial = PartialFolder.of(target)) {
      partial.fill(path -> {
        Path transformer = path.resolve(source.relativize(folder.transformer()));
        Files.createDirectories(transformer);
        writeWeights(folder, transformer, precision, progress);
      });
      copyOthers(source, partial);
      partial.move();
    }
  }

  private static void requireAbsent(Path target) throws IOException {
    if (Files.isDirectory(target)) {
      try (Stream<Path> entries = Files.list(target)) {
        if (entries.findAny().isEmpty()) {
          return;
        }
      }
    }
    if (Files.exists(target)) {
      throw new FileAlreadyExistsException(target.toString());
    }
  }

  private static void writeWeights(
      ModelFolder folder, Path to, Precision precision, Progress progress) throws IOException {
    ConfigJson json = folder.config();
    ModelConfig config = ModelConfig.of(json);
    if (!Files.exists(folder.transformer().resolve("config.json"))) {
      Files.writeString(to.resolve("config.json"), json + System.lineSeparator());
    }
    try (Kernels kernels = ComputeOptions.DEFAULT.openKernels();
        NativeMemory memory = new NativeMemory();
        Checkpoint checkpoint = folder.openWeights();
        Arena mapped = Arena.ofConfined()) {
      long total = byteSize(checkpoint);
      requirePackable(
          new CountedCheckpoint(checkpoint, bytes -> progress.at("Checking", bytes, total)));
      Checkpoint packing =
          new CountedCheckpoint(checkpoint, bytes -> progress.at("Packing", bytes, total));
      try (Weights weights =
          new Weights(packing, kernels, memory, config.weightNames(), precision.weightFormat())) {
        config.load(weights.forStorage());
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Map.Entry<String, PackedWeight> entry : weights.packedRead().entrySet()) {
          long[] bytes = {entry.getValue().segment().byteSize()};
          tensors.put(entry.getKey(), Tensor.of(DType.U8, bytes, entry.getValue().segment()));
        }
        for (String name : weights.tensorsRead()) {
          tensors.put(name, checkpoint.tensor(name, mapped));
        }
        long packed = tensors.values().stream().mapToLong(Tensor::byteSize).sum();
        long[] written = {0};
        SafetensorsWriter.write(
            to.resolve("model.safetensors"),
            tensors,
            QuantizedWeights.metadata(precision.weightFormat()),
            bytes -> progress.at("Writing", written[0] += bytes, packed));
      }
    }
  }

  private static long byteSize(Checkpoint checkpoint) {
    long bytes = 0;
    for (String name : checkpoint.names()) {
      try (Arena arena = Arena.ofConfined()) {
        bytes += checkpoint.tensor(name, arena).byteSize();
      }
    }
    return bytes;
  }

  private static void requirePackable(Checkpoint checkpoint) {
    QuantizedWeights.of(checkpoint)
        .ifPresent(quantized -> {
          throw new CheckpointException(
              checkpoint.source() + ": was quantized to " + quantized.precision() + " already");
        });
    for (String name : checkpoint.names()) {
      NonFiniteWeights.in(checkpoint, name)
          .ifPresent(found -> {
            throw new CheckpointException(
                String.format(
                    "%s: tensor %s has %d elements that are NaN or infinite, of %d",
                    checkpoint.source(), name, found.count(), found.elements()));
          });
    }
  }

  /** Copies configurations and tokenizers, including those in subfolders, but no hidden files. */
  private static void copyOthers(Path source, PartialFolder target) throws IOException {
    List<Path> files;
    try (Stream<Path> entries = Files.walk(source, 2)) {
      files = entries.filter(Files::isRegularFile).map(source::relativize).sorted().toList();
    }
    for (Path file : files) {
      boolean hidden =
          Stream.iterate(file, p -> p != null, Path::getParent).anyMatch(Quantization::isHidden);
      if (!hidden && WEIGHTS.stream().noneMatch(file.toString()::endsWith)) {
        target.copy(source.resolve(file), file);
      }
    }
  }

  private static boolean isHidden(Path path) {
    return path.getFileName().toString().startsWith(".");
  }
}
