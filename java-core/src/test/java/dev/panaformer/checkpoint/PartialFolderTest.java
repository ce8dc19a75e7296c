package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A folder appears whole, with the permissions of any other, or not at all. */
class PartialFolderTest {
  @TempDir Path temporary;

  private Set<PosixFilePermission> permissions(String path) throws IOException {
    return Files.getPosixFilePermissions(temporary.resolve(path));
  }

  private List<String> entries() throws IOException {
    try (Stream<Path> entries = Files.list(temporary)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void hasTheUsualPermissions() throws IOException {
    Files.createDirectory(temporary.resolve("usual"));
    Files.createFile(temporary.resolve("usual/file"));
    Path secret = Files.createTempFile(temporary, "secret", "");
    try (PartialFolder folder = PartialFolder.of(temporary.resolve("out"))) {
      folder.fill(path -> Files.writeString(path.resolve("written"), "a"));
      folder.copy(secret, Path.of("sub", "copied"));
      assertFalse(Files.exists(temporary.resolve("out")));
      folder.move();
    }
    assertEquals(permissions("usual"), permissions("out"));
    assertEquals(permissions("usual"), permissions("out/sub"));
    assertEquals(permissions("usual/file"), permissions("out/written"));
    assertEquals(permissions("usual/file"), permissions("out/sub/copied"));
  }

  @Test
  void anEmptyFolderKeepsItsPermissions() throws IOException {
    Set<PosixFilePermission> secret = PosixFilePermissions.fromString("rwx------");
    Path out =
        Files.createDirectory(
            temporary.resolve("out"), PosixFilePermissions.asFileAttribute(secret));
    try (PartialFolder folder = PartialFolder.of(out)) {
      folder.fill(path -> Files.writeString(path.resolve("written"), "a"));
      folder.move();
    }
    assertEquals(secret, permissions("out"));
    assertTrue(Files.exists(out.resolve("written")));
  }

  @Test
  void whatIsNotMovedIsDeleted() throws IOException {
    Path target = temporary.resolve("out");
    try (PartialFolder folder = PartialFolder.of(target)) {
      folder.fill(path -> Files.writeString(path.resolve("written"), "a"));
    }
    assertEquals(List.of(), entries());
    Files.createDirectory(target);
    Files.createFile(target.resolve("there"));
    try (PartialFolder folder = PartialFolder.of(target)) {
      assertThrows(FileSystemException.class, folder::move);
    }
    assertEquals(List.of("out"), entries());
  }

  @Test
  void exceptionsNameTheTarget() throws IOException {
    Path target = temporary.resolve("out");
    try (PartialFolder folder = PartialFolder.of(target)) {
      FileSystemException missing =
          assertThrows(
              NoSuchFileException.class,
              () -> folder.fill(path -> Files.writeString(path.resolve("no/file"), "a")));
      assertEquals(target.resolve("no/file").toString(), missing.getFile());
      // What writing to a full disk throws names no file.
      FileSystemException full =
          assertThrows(
              FileSystemException.class,
              () ->
                  folder.fill(path -> {
                    throw new IOException("No space left on device");
                  }));
      assertEquals(target + ": no space left on device", full.getMessage());
    }
    Path file = Files.createFile(temporary.resolve("file"));
    assertThrows(FileSystemException.class, () -> PartialFolder.of(file.resolve("out")));
  }
}
