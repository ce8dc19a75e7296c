package dev.panaformer.checkpoint;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;

/** What the operating system said about a file, in words, and which file that was. */
final class FileProblem {
  private FileProblem() {}

  /** The reason without the file. */
  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException missing -> "no such file";
      case AccessDeniedException denied -> "permission denied";
      case FileAlreadyExistsException present -> "exists already";
      case DirectoryNotEmptyException full -> "a folder that is not empty";
      case NotDirectoryException file -> "not a folder";
      case FileSystemException other when other.getReason() != null -> lowerCase(other.getReason());
      default -> e.getMessage() == null ? e.toString() : lowerCase(e.getMessage());
    };
  }

  private static String lowerCase(String reason) {
    return Character.toLowerCase(reason.charAt(0)) + reason.substring(1);
  }

  /** An exception that names the file. Writing to a full disk throws one that names none. */
  static IOException in(Path file, IOException e) {
    FileSystemException named =
        new FileSystemException(file.toString(), null, e.getMessage() == null ? null : reason(e));
    named.initCause(e);
    return named;
  }

  /** The same problem of a file or folder that will have another name. */
  static FileSystemException renamed(FileSystemException e, Path from, Path to) {
    if (e.getFile() == null || !Path.of(e.getFile()).startsWith(from)) {
      return e;
    }
    Path inside = from.relativize(Path.of(e.getFile()));
    String file = (inside.toString().isEmpty() ? to : to.resolve(inside)).toString();
    FileSystemException renamed =
        switch (e) {
          case NoSuchFileException missing -> new NoSuchFileException(file);
          case AccessDeniedException denied -> new AccessDeniedException(file);
          case FileAlreadyExistsException present -> new FileAlreadyExistsException(file);
          case DirectoryNotEmptyException full -> new DirectoryNotEmptyException(file);
          default -> new FileSystemException(file, null, e.getReason());
        };
    renamed.initCause(e);
    return renamed;
  }
}
