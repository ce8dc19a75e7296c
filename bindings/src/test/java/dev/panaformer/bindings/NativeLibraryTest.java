package dev.panaformer.bindings;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {
  @TempDir Path folder;

  @AfterEach
  void forgetNamedLibrary() {
    System.clearProperty(NativeLibrary.PATH_PROPERTY);
  }

  @Test
  void loadsThePackagedLibraryAndAnswersThroughTheBindings() {
    NativeLibrary.load();
    NativeLibrary.load();

    assertEquals(Optional.empty(), NativeLibrary.tryLoad());
    assertEquals(panaformer_h.PF_ABI_VERSION(), panaformer_h.pf_abi_version());
  }

  @Test
  void extractsIntoAFolderOfItsVersionAndContentAndLeavesNothingElseThere() throws IOException {
    Path file = NativeLibrary.extract(folder);

    assertTrue(file.startsWith(folder.resolve("native")));
    assertTrue(
        file.getParent().getFileName().toString().matches("\\d+\\.\\d+\\.\\d+.*-[0-9a-f]{16}"),
        file.toString());
    try (Stream<Path> files = Files.list(file.getParent())) {
      assertEquals(List.of(file), files.collect(Collectors.toList()));
    }
  }

  @Test
  void usesACachedLibraryAsItIs() throws IOException {
    Path file = NativeLibrary.extract(folder);
    FileTime longAgo = FileTime.from(Instant.parse("2001-01-01T00:00:00Z"));
    Files.setLastModifiedTime(file, longAgo);

    assertEquals(file, NativeLibrary.extract(folder));
    assertEquals(longAgo, Files.getLastModifiedTime(file));
  }

  @Test
  void replacesACachedLibraryThatWasChangedOrTruncated() throws IOException {
    Path file = NativeLibrary.extract(folder);
    byte[] content = Files.readAllBytes(file);

    byte[] changed = content.clone();
    changed[changed.length / 2] ^= 1;
    for (byte[] damaged : List.of(changed, new byte[0])) {
      Files.write(file, damaged);
      assertEquals(file, NativeLibrary.extract(folder));
      assertArrayEquals(content, Files.readAllBytes(file));
    }
  }

  @Test
  void extractsForManyCallersAtOnce() throws Exception {
    ExecutorService callers = Executors.newFixedThreadPool(8);
    try {
      Callable<Path> extract = () -> NativeLibrary.extract(folder);
      Set<Path> files = new HashSet<>();
      for (Future<Path> file : callers.invokeAll(Collections.nCopies(32, extract))) {
        files.add(file.get());
      }
      assertEquals(1, files.size());
    } finally {
      callers.shutdown();
    }
  }

  @Test
  void extractsIntoATemporaryFolderWhereTheCacheCannotBeWritten() throws IOException {
    Path cache = Files.createFile(folder.resolve("file-in-the-way"));

    Path file = NativeLibrary.extract(cache);

    assertFalse(file.startsWith(folder));
    assertArrayEquals(Files.readAllBytes(NativeLibrary.extract(folder)), Files.readAllBytes(file));
  }

  /** Code is loaded from it, so nobody else may write there, whatever the umask is. */
  @Test
  void theCacheIsPrivateToItsOwner() throws IOException {
    Path file = NativeLibrary.extract(folder);
    for (Path part = file.getParent(); !part.equals(folder); part = part.getParent()) {
      String permissions = PosixFilePermissions.toString(Files.getPosixFilePermissions(part));
      assertTrue(permissions.endsWith("------"), part + " " + permissions);
    }
  }

  @Test
  void takesTheNamedFileOrTheLibraryInTheNamedFolder() throws IOException {
    Path file = NativeLibrary.extract(folder);

    System.setProperty(NativeLibrary.PATH_PROPERTY, file.toString());
    assertEquals(file, NativeLibrary.locate());
    System.setProperty(NativeLibrary.PATH_PROPERTY, file.getParent().toString());
    assertEquals(file, NativeLibrary.locate());
  }

  @Test
  void namesAFileThatIsNotThere() {
    System.setProperty(NativeLibrary.PATH_PROPERTY, folder.toString());

    assertMessage(NativeLibrary::locate, folder.toString(), NativeLibrary.PATH_PROPERTY);
  }

  @Test
  void saysThatThereIsNoLibraryForThisPlatform() {
    String arch = System.setProperty("os.arch", "sparc");
    try {
      assertMessage(() -> NativeLibrary.extract(folder), "sparc", NativeLibrary.PATH_PROPERTY);
    } finally {
      System.setProperty("os.arch", arch);
    }
  }

  @Test
  void refusesALibraryOfAnotherVersion() {
    Path other = Path.of(System.getProperty("other.version.library"));

    assertMessage(
        () -> NativeLibrary.loadFile(other),
        other.toString(),
        "ABI version 1000",
        "need " + panaformer_h.PF_ABI_VERSION());
  }

  @Test
  void refusesAFileThatIsNoLibraryAndSaysSoAgain() throws IOException {
    Path text = Files.writeString(folder.resolve("libpanaformer.so"), "not a library");

    for (int attempt = 0; attempt < 2; attempt++) {
      assertMessage(() -> NativeLibrary.loadFile(text), text.toString(), "file too short");
    }
  }

  @Test
  void refusesALibraryThatIsNotOurs() throws IOException {
    Path java = Path.of(System.getProperty("java.home"), "lib", System.mapLibraryName("java"));

    assertMessage(() -> NativeLibrary.loadFile(java), java.toString(), "pf_abi_version");
  }

  private static void assertMessage(Runnable action, String... parts) {
    String message = assertThrows(NativeLibraryException.class, action::run).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), () -> "\"" + part + "\" is not in: " + message);
    }
  }
}
