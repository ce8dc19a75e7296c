package dev.panaformer.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What this process holds of files, as Linux tells; nothing elsewhere. */
public final class OpenFiles {
  private OpenFiles() {}

  /** Fails if a descriptor or a map of a file within the folder is left. */
  public static void assertNoneIn(Path folder) throws IOException {
    Path real = folder.toRealPath();
    assertEquals(List.of(), descriptors(real), "descriptors");
    assertEquals(List.of(), maps(real), "maps");
  }

  private static List<Path> descriptors(Path folder) throws IOException {
    Path all = Path.of("/proc/self/fd");
    if (!Files.isDirectory(all)) {
      return List.of();
    }
    try (Stream<Path> descriptors = Files.list(all)) {
      return descriptors
          .map(OpenFiles::target)
          .filter(target -> target.startsWith(folder))
          .toList();
    }
  }

  private static Path target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor);
    } catch (IOException e) {
      // Closed since it was listed, as is the one that lists.
      return descriptor;
    }
  }

  private static List<String> maps(Path folder) throws IOException {
    Path maps = Path.of("/proc/self/maps");
    return Files.exists(maps)
        ? Files.readAllLines(maps).stream().filter(line -> line.contains(folder + "/")).toList()
        : List.of();
  }
}
