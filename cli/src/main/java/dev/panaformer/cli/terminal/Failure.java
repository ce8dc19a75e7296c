package dev.panaformer.cli.terminal;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import picocli.CommandLine.ExitCode;

/** Reports an exception as one sentence on stderr, and as an exit status. */
public final class Failure {
  private final PrintWriter err;
  private boolean stackTrace = Boolean.getBoolean("panaformer.debug");

  public Failure(PrintWriter err) {
    this.err = err;
  }

  public void setVerbose(boolean verbose) {
    stackTrace |= verbose;
  }

  /**
   * Prints the sentence and returns the exit status: 2 for wrong usage, otherwise 1. It is no
   * failure if the reader of the output closed the pipe.
   */
  public int report(Throwable e) {
    if (PipeWriter.isBroken(e)) {
      return ExitCode.OK;
    }
    err.println("panaformer: " + sentence(e));
    if (stackTrace) {
      e.printStackTrace(err);
    }
    err.flush();
    return e instanceof UsageException ? ExitCode.USAGE : ExitCode.SOFTWARE;
  }

  /** A description of {@code e} in one line. */
  public static String sentence(Throwable e) {
    if (e instanceof UncheckedIOException io && !hasOwnMessage(io)) {
      return sentence(io.getCause());
    }
    if (e instanceof FileSystemException io) {
      return fileSentence(io);
    }
    String message = e.getMessage();
    if (message == null || message.isBlank()) {
      return e.getClass().getSimpleName() + " (--verbose shows where)";
    }
    String line = message.strip().replaceAll("\\s*\\R\\s*", " ");
    boolean ours = e.getClass().getName().startsWith("dev.panaformer.");
    boolean plain =
        ours
            || e instanceof IOException
            || e instanceof UncheckedIOException
            || e instanceof IllegalArgumentException
            || e instanceof IllegalStateException
            || e instanceof IndexOutOfBoundsException
            || e instanceof UnsupportedOperationException;
    return plain ? line : e.getClass().getSimpleName() + ": " + line;
  }

  private static boolean hasOwnMessage(UncheckedIOException e) {
    return e.getMessage() != null && !e.getMessage().equals(String.valueOf(e.getCause()));
  }

  private static String fileSentence(FileSystemException e) {
    if (e instanceof NoSuchFileException) {
      return e.getFile() + ": no such file or folder";
    }
    if (e instanceof AccessDeniedException) {
      return e.getFile() + ": permission denied";
    }
    if (e instanceof FileAlreadyExistsException) {
      return e.getFile() + ": exists already";
    }
    if (e instanceof DirectoryNotEmptyException) {
      return e.getFile() + ": a folder that is not empty";
    }
    if (e instanceof NotDirectoryException) {
      return e.getFile() + ": not a folder";
    }
    // What the operating system says, such as "Read-only file system".
    return e.getFile() + ": " + (e.getReason() == null ? name(e) : lowerCase(e.getReason()));
  }

  /** {@code file system loop} of FileSystemLoopException. */
  private static String name(Throwable e) {
    return e.getClass()
        .getSimpleName()
        .replaceFirst("Exception$", "")
        .replaceAll("(?<=[a-z])(?=[A-Z])", " ")
        .toLowerCase(Locale.ROOT);
  }

  private static String lowerCase(String reason) {
    boolean acronym = reason.length() > 1 && Character.isUpperCase(reason.charAt(1));
    return acronym ? reason : Character.toLowerCase(reason.charAt(0)) + reason.substring(1);
  }
}
