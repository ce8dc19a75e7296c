package dev.panaformer;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.ModelFolder;
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
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
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
    if (precision == Precision.FP32) {
      throw new IllegalArgumentException(
          "precision is fp32, expected bf16, int8, int4 or int4-128");
    }
    ComputeThreads.<Void, IOException>runAlone(
        "panaformer-quantization",
        () -> {
          writeFolder(source, target, precision);
          return null;
        });
  }

  private static void writeFolder(Path source, Path target, Precision precision)
      throws IOException {
    ModelFolder folder = ModelFolder.open(source);
    requireAbsent(target);
    Path whole = target.toAbsolutePath().normalize();
    Files.createDirectories(whole.getParent());
    Path partial = Files.createTempDirectory(whole.getParent(), whole.getFileName() + ".");
    try {
      Path transformer = partial.resolve(source.relativize(folder.transformer()));
      Files.createDirectories(transformer);
      writeWeights(folder, transformer, precision);
      copyOthers(source, partial);
      Files.deleteIfExists(whole);
      Files.move(partial, whole, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      delete(partial);
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

  private static void writeWeights(ModelFolder folder, Path to, Precision precision)
      throws IOException {
    ConfigJson json = folder.config();
    ModelConfig config = ModelConfig.of(json);
    if (!Files.exists(folder.transformer().resolve("config.json"))) {
      Files.writeString(to.resolve("config.json"), json + System.lineSeparator());
    }
    try (Kernels kernels = ComputeOptions.DEFAULT.openKernels();
        NativeMemory memory = new NativeMemory();
        Checkpoint checkpoint = folder.openWeights();
        Arena mapped = Arena.ofConfined()) {
      requirePackable(checkpoint);
      try (Weights weights =
          new Weights(
              checkpoint, kernels, memory, config.weightNames(), precision.weightFormat())) {
        config.load(weights.forStorage());
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Map.Entry<String, PackedWeight> entry : weights.packedRead().entrySet()) {
          long[] bytes = {entry.getValue().segment().byteSize()};
          tensors.put(entry.getKey(), Tensor.of(DType.U8, bytes, entry.getValue().segment()));
        }
        for (String name : weights.tensorsRead()) {
          tensors.put(name, checkpoint.tensor(name, mapped));
        }
        SafetensorsWriter.write(
            to.resolve("model.safetensors"),
            tensors,
            QuantizedWeights.metadata(precision.weightFormat()));
      }
    }
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
  private static void copyOthers(Path source, Path target) throws IOException {
    List<Path> files;
    try (Stream<Path> entries = Files.walk(source, 2)) {
      files = entries.filter(Files::isRegularFile).map(source::relativize).sorted().toList();
    }
    for (Path file : files) {
      boolean hidden =
          Stream.iterate(file, p -> p != null, Path::getParent).anyMatch(Quantization::isHidden);
      if (!hidden && WEIGHTS.stream().noneMatch(file.toString()::endsWith)) {
        Files.createDirectories(target.resolve(file).getParent());
        Files.copy(source.resolve(file), target.resolve(file));
      }
    }
  }

  private static boolean isHidden(Path path) {
    return path.getFileName().toString().startsWith(".");
  }

  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      List<Path> deepestFirst;
      try (Stream<Path> entries = Files.walk(folder)) {
        deepestFirst = entries.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path entry : deepestFirst) {
        Files.deleteIfExists(entry);
      }
    }
  }
}
