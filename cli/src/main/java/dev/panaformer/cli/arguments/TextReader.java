package dev.panaformer.cli.arguments;

import dev.panaformer.cli.terminal.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Function;

/**
 * Inputs that are a line each, from arguments and then from UTF-8 files, however long those are.
 *
 * @param <T> what a line means
 */
public final class TextReader<T> implements InputSource<T> {
  private final Function<String, T> parser;
  private final Deque<String> arguments;
  private final Deque<Lines> sources = new ArrayDeque<>();
  private IOException failure;
  private int argument;
  private long size;
  private long finished;

  /**
   * @param parser makes an input of a line. An {@link IllegalArgumentException} says what is wrong
   *     with the line; the reader adds where it is.
   */
  public TextReader(List<String> arguments, Function<String, T> parser) {
    this.parser = parser;
    this.arguments = new ArrayDeque<>(arguments);
    arguments.forEach(text -> size += bytes(text));
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  public void addFile(Path file) throws IOException {
    sources.add(Lines.of(file));
    boolean known = size >= 0 && Files.isRegularFile(file);
    size = known ? size + Files.size(file) : Progress.UNKNOWN;
  }

  public void addStdin() {
    sources.add(new Lines("stdin", System.in));
    size = Progress.UNKNOWN;
  }

  @Override
  public Progress.Unit unit() {
    return Progress.Unit.BYTES;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public long position() {
    return finished + (sources.isEmpty() ? 0 : sources.element().bytes());
  }

  /**
   * {@inheritDoc}
   *
   * <p>After the first text no more are returned than can be read without waiting, so that whoever
   * types a line or pipes it in gets its result at once.
   */
  @Override
  public List<T> next(int limit) throws IOException {
    if (failure != null) {
      throw failure;
    }
    List<T> inputs = new ArrayList<>();
    try {
      read(inputs, limit);
    } catch (IOException e) {
      if (inputs.isEmpty()) {
        throw e;
      }
      failure = e; // those before it are handed out first
    }
    return inputs;
  }

  private void read(List<T> inputs, int limit) throws IOException {
    while (inputs.size() < limit && !arguments.isEmpty()) {
      String text = arguments.remove();
      finished += bytes(text);
      inputs.add(parse("text " + ++argument, text));
    }
    while (inputs.size() < limit && !sources.isEmpty()) {
      Lines source = sources.element();
      if (!inputs.isEmpty() && !source.isReady()) {
        break;
      }
      String line = source.next();
      if (line != null) {
        inputs.add(parse(source.place(), line));
      } else {
        sources.remove().close();
        finished += source.bytes();
      }
    }
  }

  /** All inputs that are left. */
  public List<T> all() throws IOException {
    List<T> all = new ArrayList<>();
    for (List<T> next = next(Integer.MAX_VALUE); !next.isEmpty(); next = next(Integer.MAX_VALUE)) {
      all.addAll(next);
    }
    return all;
  }

  private T parse(String place, String line) throws IOException {
    try {
      return parser.apply(line);
    } catch (IllegalArgumentException e) {
      throw new IOException(place + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void close() throws IOException {
    for (Lines source : sources) {
      source.close();
    }
  }
}
