package dev.panaformer.cli.conversion;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.panaformer.checkpoint.PartialFolder;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * all-MiniLM-L6-v2 from the jar on the class path, converted once into a folder of the cache. The
 * folder appears complete under its name or not at all, and one process at a time makes it. It
 * holds a list of its files: one whose size or date has changed since is read and compared with its
 * checksum. A folder that is damaged, or that an earlier version made with other settings, is made
 * anew.
 */
public final class DefaultModel {
  private static final String NAME = "all-MiniLM-L6-v2";
  private static final String WEIGHTS = "/all-minilm-l6-v2.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-tokenizer.json";
  private static final String CHECKSUMS = "checksums";

  /**
   * How the published model reads texts and makes vectors of its tokens. The export has only the
   * transformer, which could read twice as many tokens.
   */
  private static final Map<String, String> SETTINGS =
      Map.of(
          "sentence_bert_config.json",
          """
          {"max_seq_length": 256, "do_lower_case": false}
          """,
          "modules.json",
          """
          [
            {"idx": 0, "name": "0", "path": "",
             "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling",
             "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize",
             "type": "sentence_transformers.models.Normalize"}
          ]
          """,
          "1_Pooling/config.json",
          """
          {"word_embedding_dimension": 384, "pooling_mode_cls_token": false, \
          "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": false, \
          "pooling_mode_mean_sqrt_len_tokens": false}
          """);

  private DefaultModel() {}

  /** The folder, converted if it is not there. */
  public static Path folder() throws IOException {
    Path folder = cache().resolve("models").resolve(NAME + "-" + size(WEIGHTS));
    if (isUntouched(folder)) {
      return folder;
    }
    Files.createDirectories(folder.getParent());
    Path lock = folder.resolveSibling(folder.getFileName() + ".lock");
    try (FileChannel channel =
        FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.lock(); // until the channel closes
      if (isUntouched(folder)) { // by now: another process was first
        return folder;
      }
      if (isWhole(folder)) { // a copy, with dates of its own
        writeChecksums(folder);
      } else {
        PartialFolder.delete(folder);
        convert(folder);
      }
      return folder;
    }
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

  /** Of the jar entry's content: enough to tell one version of the jar from another. */
  private static long size(String resource) throws IOException {
    URL url = DefaultModel.class.getResource(resource);
    if (url == null) {
      throw new FileNotFoundException(
          "no default model on the class path; give one with --model DIR");
    }
    return url.openConnection().getContentLengthLong();
  }

  private static void convert(Path folder) throws IOException {
    try (PartialFolder partial = PartialFolder.of(folder)) {
      Path onnx = partial.path().resolve("model.onnx");
      partial.fill(path -> {
        copy(WEIGHTS, onnx);
        Conversion.writeWeights(onnx, partial, (done, total) -> {});
        Files.delete(onnx);
        copy(TOKENIZER, path.resolve("tokenizer.json"));
        for (Map.Entry<String, String> setting : SETTINGS.entrySet()) {
          Path file = path.resolve(setting.getKey());
          Files.createDirectories(file.getParent());
          Files.writeString(file, setting.getValue());
        }
        writeChecksums(path);
      });
      partial.move();
    }
  }

  private static void copy(String resource, Path file) throws IOException {
    try (InputStream in = DefaultModel.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException("no resource " + resource + " on the class path");
      }
      Files.copy(in, file);
    }
  }

  /** One line a file: checksum, size, date, name. */
  private static void writeChecksums(Path folder) throws IOException {
    StringBuilder lines = new StringBuilder();
    List<Path> files;
    try (Stream<Path> entries = Files.walk(folder)) {
      files = entries.filter(Files::isRegularFile).sorted().toList();
    }
    for (Path file : files) {
      if (!file.endsWith(CHECKSUMS)) {
        lines.append(String.join(" ", sha256(file), stamp(file), folder.relativize(file) + "\n"));
      }
    }
    Files.writeString(folder.resolve(CHECKSUMS), lines);
  }

  private interface FileCheck {
    boolean test(Path file, String sha256, String stamp) throws IOException;
  }

  /** Whether all files have the sizes and dates that they were written with. */
  private static boolean isUntouched(Path folder) throws IOException {
    return hasSettings(folder)
        && allMatch(folder, (file, sha256, stamp) -> stamp(file).equals(stamp));
  }

  /** Whether all files have the contents that they were written with. */
  private static boolean isWhole(Path folder) throws IOException {
    return hasSettings(folder)
        && allMatch(folder, (file, sha256, stamp) -> sha256(file).equals(sha256));
  }

  private static boolean hasSettings(Path folder) throws IOException {
    for (Map.Entry<String, String> setting : SETTINGS.entrySet()) {
      Path file = folder.resolve(setting.getKey());
      if (!Files.isRegularFile(file)
          || !Arrays.equals(Files.readAllBytes(file), setting.getValue().getBytes(UTF_8))) {
        return false;
      }
    }
    return true;
  }

  private static boolean allMatch(Path folder, FileCheck check) throws IOException {
    Path checksums = folder.resolve(CHECKSUMS);
    if (!Files.isRegularFile(checksums)) {
      return false;
    }
    List<String> lines = Files.readAllLines(checksums);
    for (String line : lines) {
      String[] fields = line.split(" ", 4);
      if (fields.length != 4) {
        return false;
      }
      Path file = folder.resolve(fields[3]);
      if (!Files.isRegularFile(file) || !check.test(file, fields[0], fields[1] + " " + fields[2])) {
        return false;
      }
    }
    return !lines.isEmpty();
  }

  private static String stamp(Path file) throws IOException {
    return Files.size(file) + " " + Files.getLastModifiedTime(file).toMillis();
  }

  private static String sha256(Path file) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
