package dev.panaformer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Where the reference's cases are. */
public final class GoldenCases {
  /** The whole collection where it is at hand, else the choice that the command line carries. */
  public static final Path FOLDER =
      Stream.of(
              System.getProperty("panaformer.golden", "../../shared/golden"),
              "../cli/src/test/resources/golden")
          .map(Path::of)
          .filter(Files::isDirectory)
          .findFirst()
          .orElseThrow();

  private GoldenCases() {}
}
