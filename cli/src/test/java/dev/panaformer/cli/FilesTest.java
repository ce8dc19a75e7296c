package dev.panaformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.panaformer.cli.terminal.Failure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the operating system makes of files that commands read and write. */
class FilesTest {
  private static final String BERT = Golden.FOLDER.resolve("bert-model").toString();

  @TempDir Path folder;
  private Path cache = Path.of(System.getProperty("panaformer.cache"));

  /**
   * Runs a command in a process of its own.
   *
   * @param shell what a shell does before it, such as to set a umask
   */
  private Outcome process(String shell, String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "bash",
                "-c",
                shell + " \"$@\"",
                "panaformer",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dpanaformer.cache=" + cache,
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
    command.addAll(List.of(arguments));
    Path out = folder.resolve("stdout");
    Path err = folder.resolve("stderr");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    assertTrue(process.waitFor(2, TimeUnit.MINUTES));
    return new Outcome(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  /** A user whom permissions bind, which they do not bind root. */
  private static String unprivileged() throws Exception {
    if (!System.getProperty("user.name").equals("root")) {
      return "exec";
    }
    String setpriv = "setpriv --bounding-set=-dac_override,-dac_read_search";
    int status = new ProcessBuilder("bash", "-c", setpriv + " true").start().waitFor();
    assumeTrue(status == 0, "root may read everything here");
    return "exec " + setpriv;
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  private static void assertModes(Path folder, String folders, String files) throws IOException {
    try (Stream<Path> entries = Files.walk(folder)) {
      for (Path entry : entries.toList()) {
        String expected = Files.isDirectory(entry) ? folders : files;
        assertEquals(expected, mode(entry), entry::toString);
      }
    }
  }

  @Test
  void whatCommandsWriteHasThePermissionsOfTheUmask() throws Exception {
    Path int8 = folder.resolve("int8");
    Outcome quantized =
        process("umask 027; exec", "quantize", BERT, int8.toString(), "--precision", "int8");
    assertEquals(0, quantized.status(), quantized::toString);
    assertModes(int8, "rwxr-x---", "rw-r-----");
    Path export = Files.createDirectory(folder.resolve("export"));
    CommandsTest.copyResource("/all-minilm-l6-v2.onnx", export.resolve("model.onnx"));
    CommandsTest.copyResource("/all-minilm-l6-v2-tokenizer.json", export.resolve("tokenizer.json"));
    Files.setPosixFilePermissions(
        export.resolve("tokenizer.json"), PosixFilePermissions.fromString("r--------"));
    Path converted = folder.resolve("new/converted");
    Outcome outcome =
        process("umask 002; exec", "convert", export + "/model.onnx", converted.toString());
    assertEquals(0, outcome.status(), outcome::toString);
    assertModes(converted.getParent(), "rwxrwxr-x", "rw-rw-r--");
    cache = folder.resolve("cache");
    Outcome embedded = process("umask 022; exec", "info");
    assertEquals(0, embedded.status(), embedded::toString);
    assertModes(cache.resolve("models"), "rwxr-xr-x", "rw-r--r--");
    Path outputs = folder.resolve("outputs");
    Outcome verified = process("umask 022; exec", "verify", "--outputs", outputs + "", BERT);
    assertEquals(0, verified.status(), verified::toString);
    assertModes(outputs, "rwxr-xr-x", "rw-r--r--");
  }

  @Test
  void deniedPermissionIsToldAsThat() throws Exception {
    String user = unprivileged();
    Path model = Golden.modelWithVocabulary("bert-model", folder.resolve("m"));
    Path weights = model.resolve("model.safetensors");
    for (Path denied : List.of(weights, model.resolve("config.json"), model.resolve("vocab.txt"))) {
      Files.setPosixFilePermissions(denied, PosixFilePermissions.fromString("---------"));
      assertDenied(denied, process(user, "embed", "--model", model.toString(), "a"));
      Files.setPosixFilePermissions(denied, PosixFilePermissions.fromString("rw-r--r--"));
    }
    // A folder that may be listed but not searched: its files would seem to be absent.
    Files.setPosixFilePermissions(model, PosixFilePermissions.fromString("rw-r--r--"));
    assertDenied(model, process(user, "embed", "--model", model.toString(), "a"));
    assertDenied(model, process(user, "info", "--model", model.toString()));
    assertDenied(
        model, process(user, "quantize", model + "", folder + "/x", "--precision", "int8"));
    Files.setPosixFilePermissions(model, PosixFilePermissions.fromString("rwxr-xr-x"));
    Path closed = Files.createDirectory(folder.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-xr-xr-x"));
    Path target = closed.resolve("out");
    assertDenied(target, process(user, "quantize", BERT, target + "", "--precision", "int8"));
    assertDenied(
        target.resolve("bert-model.safetensors").getParent(),
        process(user, "verify", "--outputs", target + "", BERT));
    Path text = Files.writeString(folder.resolve("text"), "a");
    Files.setPosixFilePermissions(text, PosixFilePermissions.fromString("-w-------"));
    assertDenied(text, process(user, "embed", "--file", text.toString()));
  }

  private static void assertDenied(Path file, Outcome outcome) {
    assertEquals(1, outcome.status(), outcome::toString);
    String said = outcome.err().lines().reduce("", (a, b) -> b);
    assertEquals("panaformer: " + file + ": permission denied", said, outcome::toString);
  }

  /** Like a full disk: writing fails, and the exception names no file. */
  @Test
  void whatCannotBeWrittenIsNamedAndLeavesNothing() throws Exception {
    Path target = folder.resolve("int8");
    Outcome outcome =
        process("ulimit -f 1; exec", "quantize", BERT, target + "", "--precision", "int8");
    assertEquals(1, outcome.status(), outcome::toString);
    assertEquals(
        "panaformer: " + target.resolve("model.safetensors") + ": file too large",
        outcome.err().strip());
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(2, left.count(), "stdout and stderr");
    }
  }

  @Test
  void everyProblemOfAFileIsOneSentence() {
    assertEquals("f: no such file or folder", Failure.sentence(new NoSuchFileException("f")));
    assertEquals("f: permission denied", Failure.sentence(new AccessDeniedException("f")));
    assertEquals("f: exists already", Failure.sentence(new FileAlreadyExistsException("f")));
    assertEquals(
        "f: a folder that is not empty", Failure.sentence(new DirectoryNotEmptyException("f")));
    assertEquals("f: not a folder", Failure.sentence(new NotDirectoryException("f")));
    assertEquals("f: file system loop", Failure.sentence(new FileSystemLoopException("f")));
    assertEquals(
        "f: read-only file system",
        Failure.sentence(new FileSystemException("f", null, "Read-only file system")));
    assertEquals(
        "f: permission denied",
        Failure.sentence(new UncheckedIOException(new AccessDeniedException("f"))));
  }
}
