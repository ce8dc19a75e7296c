package dev.panaformer.cli.arguments;

import dev.panaformer.cli.terminal.Progress;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/** The inputs of a command, handed out in groups. */
public interface InputSource<T> extends Closeable {
  /** What {@link #size} and {@link #position} count. */
  Progress.Unit unit();

  /** How much there is, or {@link Progress#UNKNOWN} if only the end of the input will tell. */
  long size();

  /** How much was handed out. */
  long position();

  /**
   * The next inputs: at least one and at most {@code limit}. An empty list means that there are no
   * more.
   */
  List<T> next(int limit) throws IOException;
}
