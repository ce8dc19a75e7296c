package dev.panaformer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Where the reference's cases are. */
public final class GoldenCases {
  private static final Path CARRIED = Path.of("../cli/src/test/resources/golden");

  /** The whole collection where it is at hand, else the choice that the command line carries. */
  public static final Path FOLDER =
      Stream.of(System.getProperty("panaformer.golden", "../../shared/golden"), CARRIED.toString())
          .map(Path::of)
          .filter(Files::isDirectory)
          .findFirst()
          .orElseThrow();

  /** A case of the collection, or one that the command line carries beside it. */
  public static Path folder(String name) {
    Path folder = FOLDER.resolve(name);
    return Files.isDirectory(folder) ? folder : CARRIED.resolve(name);
  }

  private GoldenCases() {}
}
