package dev.panaformer.cli;

import dev.panaformer.checkpoint.Checkpoint;
import dev.panaformer.checkpoint.OnnxCheckpoint;
import dev.panaformer.checkpoint.SafetensorsWriter;
import dev.panaformer.tensor.Tensor;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/**
 * all-MiniLM-L6-v2 from the jar on the class path, converted once into a folder of the cache. The
 * folder appears complete under its name or not at all, whoever else converts at the same time; its
 * last file to be written says how long the others are, so that a damaged one is made anew.
 */
final class DefaultModel {
  private static final String NAME = "all-MiniLM-L6-v2";
  private static final String WEIGHTS = "/all-minilm-l6-v2.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-tokenizer.json";
  private static final String SIZES = "sizes";

  private DefaultModel() {}

  /** The folder, converted if it is not there. */
  static Path folder() throws IOException {
    Path folder = cache().resolve("models").resolve(NAME + "-" + size(WEIGHTS));
    if (!isWhole(folder)) {
      delete(folder);
      convert(folder);
    }
    return folder;
  }

  private static Path cache() {
    String override = System.getProperty("panaformer.cache");
    String xdg = System.getenv("XDG_CACHE_HOME");
    if (override != null) {
      return Path.of(override);
    }
    return xdg != null && !xdg.isEmpty()
        ? Path.of(xdg, "panaformer")
        : Path.of(System.getProperty("user.home"), ".cache", "panaformer");
  }

  /** Of the compressed jar entry's content: enough to tell one version of the jar from another. */
  private static long size(String resource) throws IOException {
    var url = DefaultModel.class.getResource(resource);
    if (url == null) {
      throw new FileNotFoundException(
          "no default model on the class path; give one with --model DIR");
    }
    return url.openConnection().getContentLengthLong();
  }

  private static boolean isWhole(Path folder) throws IOException {
    Path sizes = folder.resolve(SIZES);
    if (!Files.exists(sizes)) {
      return false;
    }
    for (String line : Files.readAllLines(sizes)) {
      int space = line.indexOf(' ');
      Path file = folder.resolve(line.substring(space + 1));
      if (!Files.exists(file) || Files.size(file) != Long.parseLong(line.substring(0, space))) {
        return false;
      }
    }
    return true;
  }

  private static void convert(Path folder) throws IOException {
    Files.createDirectories(folder.getParent());
    Path partial = Files.createTempDirectory(folder.getParent(), NAME + ".");
    try {
      Path onnx = partial.resolve("model.onnx");
      copy(WEIGHTS, onnx);
      write(onnx, partial);
      Files.delete(onnx);
      copy(TOKENIZER, partial.resolve("tokenizer.json"));
      StringBuilder sizes = new StringBuilder();
      try (Stream<Path> files = Files.list(partial)) {
        for (Path file : files.toList()) {
          sizes.append(Files.size(file)).append(' ').append(file.getFileName()).append('\n');
        }
      }
      Files.writeString(partial.resolve(SIZES), sizes);
      Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | java.nio.file.DirectoryNotEmptyException e) {
      // Another process was first.
    } finally {
      delete(partial);
    }
  }

  /** config.json and model.safetensors of an ONNX export. */
  static void write(Path onnx, Path folder) throws IOException {
    try (OnnxCheckpoint checkpoint = OnnxCheckpoint.open(onnx);
        Arena arena = Arena.ofConfined()) {
      Files.writeString(
          folder.resolve("config.json"),
          checkpoint.config().json().toString() + System.lineSeparator());
      SafetensorsWriter.write(
          folder.resolve("model.safetensors"), floats(checkpoint, arena), Map.of("format", "pt"));
    }
  }

  private static Map<String, Tensor> floats(Checkpoint checkpoint, Arena arena) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String name : checkpoint.names()) {
      // The constants of a graph have paths for names; parameters end in what they are.
      if (name.endsWith(".weight") || name.endsWith(".bias")) {
        tensors.put(name, checkpoint.tensor(name, arena));
      }
    }
    return tensors;
  }

  private static void copy(String resource, Path file) throws IOException {
    try (InputStream in = DefaultModel.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException("no resource " + resource + " on the class path");
      }
      Files.copy(in, file);
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> paths = Files.walk(folder)) {
        for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      }
    }
  }
}
