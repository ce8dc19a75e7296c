package dev.panaformer.cli.arguments;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/** The inputs of a command, handed out in groups. */
public interface InputSource<T> extends Closeable {
  /** How many inputs are left, or -1 if only the end of the input will tell. */
  long remaining();

  /**
   * The next inputs: at least one and at most {@code limit}. An empty list means that there are no
   * more.
   */
  List<T> next(int limit) throws IOException;
}
