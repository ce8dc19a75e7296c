package dev.panaformer.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/**
 * A folder that is written beside its place and then moved there in one step, so that nobody sees
 * it half written. {@link #close} deletes it unless it was moved. It and its files get the
 * permissions that the process's umask gives to new files; temporary files of {@link Files} would
 * be private to their owner.
 *
 * <p>Not thread-safe.
 */
public final class PartialFolder implements AutoCloseable {
  private final Path target;
  private final Path path;

  private PartialFolder(Path target, Path path) {
    this.target = target;
    this.path = path;
  }

  /** Writes the files of a folder. */
  public interface Content {
    void write(Path folder) throws IOException;
  }

  /**
   * Creates an empty folder beside {@code target}, and the folders that it lies in.
   *
   * @throws IOException if that is not possible; the message names {@code target}
   */
  public static PartialFolder of(Path target) throws IOException {
    Path whole = target.toAbsolutePath().normalize();
    Path path = unused(whole, "");
    PartialFolder folder = new PartialFolder(target, path);
    folder.naming(() -> {
      Files.createDirectories(path.getParent());
      Files.createDirectory(path);
    });
    return folder;
  }

  /** A path beside another that nobody uses: the name of a file or folder that is not whole yet. */
  static Path unused(Path target, String suffix) {
    String random = Long.toHexString(ThreadLocalRandom.current().nextLong());
    return target.resolveSibling(target.getFileName() + "." + random + suffix);
  }

  /** Where the folder is until it is moved. */
  public Path path() {
    return path;
  }

  /**
   * Lets {@code content} write files into the folder.
   *
   * @throws IOException what {@code content} throws, naming the files as they are called once the
   *     folder is in its place
   */
  public void fill(Content content) throws IOException {
    naming(() -> content.write(path));
  }

  /**
   * Copies a file into the folder.
   *
   * @param to where, relative to the folder; folders in between are created
   */
  public void copy(Path from, Path to) throws IOException {
    naming(() -> {
      Files.createDirectories(path.resolve(to).getParent());
      // Files.copy from path to path would copy the permissions too.
      try (InputStream in = Files.newInputStream(from)) {
        Files.copy(in, path.resolve(to));
      }
    });
  }

  /**
   * Moves the folder to its place. An empty folder that is there is replaced and its permissions
   * are kept.
   *
   * @throws IOException if something else is there
   */
  public void move() throws IOException {
    naming(() -> {
      Path whole = target.toAbsolutePath().normalize();
      PosixFileAttributeView before =
          Files.getFileAttributeView(whole, PosixFileAttributeView.class);
      if (before != null && Files.isDirectory(whole)) {
        Files.setPosixFilePermissions(path, before.readAttributes().permissions());
      }
      Files.move(path, whole, StandardCopyOption.ATOMIC_MOVE);
    });
  }

  @Override
  public void close() throws IOException {
    naming(() -> delete(path));
  }

  /**
   * Deletes a folder and all in it, if it is there.
   *
   * @throws IOException if something in it cannot be deleted
   */
  public static void delete(Path folder) throws IOException {
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

  private interface Step {
    void run() throws IOException;
  }

  /** Runs a step whose exceptions shall name the target, which the user knows. */
  private void naming(Step step) throws IOException {
    try {
      step.run();
    } catch (FileSystemException e) {
      throw FileProblem.renamed(e, path, target);
    } catch (IOException e) {
      throw FileProblem.in(target, e);
    }
  }
}
