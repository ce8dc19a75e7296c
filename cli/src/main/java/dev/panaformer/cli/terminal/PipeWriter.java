package dev.panaformer.cli.terminal;

import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;

/**
 * Writes UTF-8 text to a stream and throws an unchecked exception if that fails. A {@link
 * java.io.PrintWriter} on top of it would swallow an {@link IOException}, so that a full disk would
 * go unnoticed.
 */
public final class PipeWriter extends Writer {
  private final Writer writer;
  private boolean failed;

  public PipeWriter(OutputStream stream) {
    this.writer = new OutputStreamWriter(stream, StandardCharsets.UTF_8);
  }

  /** True if {@code e} says that the reader of our output has gone away, as {@code head} does. */
  public static boolean isBroken(Throwable e) {
    return e instanceof OutputException && "Broken pipe".equals(e.getCause().getMessage());
  }

  @Override
  public void write(char[] chars, int offset, int length) {
    attempt(() -> writer.write(chars, offset, length));
  }

  @Override
  public void flush() {
    attempt(writer::flush);
  }

  @Override
  public void close() {
    attempt(writer::close);
  }

  /** After a failure, which was reported, nothing more is written. */
  private void attempt(Output output) {
    if (failed) {
      return;
    }
    try {
      output.run();
    } catch (IOException e) {
      failed = true;
      throw new OutputException(e);
    }
  }

  private interface Output {
    void run() throws IOException;
  }

  private static final class OutputException extends UncheckedIOException {
    private static final long serialVersionUID = 1L;

    OutputException(IOException cause) {
      super("Cannot write to standard output: " + cause.getMessage(), cause);
    }
  }
}
