package dev.panaformer.cli.conversion;

import dev.panaformer.checkpoint.PartialFolder;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;

/** Puts the files of a conversion into the user's folder, whether it is there already or not. */
public final class ConvertedFolder {
  private final Path folder;
  private final boolean replace;

  /**
   * @param replace whether files that are there may be replaced
   */
  public ConvertedFolder(Path folder, boolean replace) {
    this.folder = folder;
    this.replace = replace;
  }

  /**
   * @throws FileAlreadyExistsException if the file is there and may not be replaced
   */
  public void requireAbsent(Path file) throws IOException {
    if (!replace && Files.exists(folder.resolve(file))) {
      throw new FileAlreadyExistsException(folder.resolve(file).toString());
    }
  }

  /** A new folder appears whole; into one that is there, files go one by one. */
  public void take(PartialFolder partial) throws IOException {
    if (!Files.exists(folder)) {
      partial.move();
      return;
    }
    partial.fill(path -> {
      List<Path> files;
      try (Stream<Path> entries = Files.walk(path)) {
        files = entries.filter(Files::isRegularFile).map(path::relativize).sorted().toList();
      }
      for (Path file : files) {
        requireAbsent(file);
      }
      for (Path file : files) {
        Path place = folder.resolve(file);
        Files.createDirectories(place.getParent());
        Files.move(path.resolve(file), place, StandardCopyOption.REPLACE_EXISTING);
      }
    });
  }
}
