package dev.panaformer.cli.terminal;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
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
   * Prints the sentence and returns the exit status. It is no failure if the reader of the output
   * closed the pipe.
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
    return ExitCode.SOFTWARE;
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
      return e.getFile() + ": access denied";
    }
    if (e instanceof FileAlreadyExistsException) {
      return e.getFile() + ": exists already";
    }
    if (e instanceof NotDirectoryException) {
      return e.getFile() + ": not a folder";
    }
    return e.getReason() == null ? e.getMessage() : e.getFile() + ": " + e.getReason();
  }
}
