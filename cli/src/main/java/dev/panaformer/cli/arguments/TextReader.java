package dev.panaformer.cli.arguments;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Texts from arguments and then from the lines of UTF-8 files, however long those are. */
public final class TextReader implements InputSource<String> {
  private static final char BYTE_ORDER_MARK = '\uFEFF';

  private final Deque<String> arguments;
  private final Deque<Lines> sources = new ArrayDeque<>();

  public TextReader(List<String> arguments) {
    this.arguments = new ArrayDeque<>(arguments);
  }

  public void addFile(Path file) throws IOException {
    sources.add(new Lines(file.toString(), Files.newInputStream(file)));
  }

  public void addStdin() {
    sources.add(new Lines("stdin", System.in));
  }

  @Override
  public long remaining() {
    return sources.isEmpty() ? arguments.size() : -1;
  }

  /**
   * {@inheritDoc}
   *
   * <p>After the first text no more are returned than can be read without waiting, so that whoever
   * types a line or pipes it in gets its result at once.
   */
  @Override
  public List<String> next(int limit) throws IOException {
    List<String> texts = new ArrayList<>();
    while (texts.size() < limit && !arguments.isEmpty()) {
      texts.add(arguments.remove());
    }
    while (texts.size() < limit && !sources.isEmpty()) {
      Lines source = sources.element();
      if (!texts.isEmpty() && !source.isReady()) {
        break;
      }
      String line = source.next();
      if (line != null) {
        texts.add(line);
      } else {
        sources.remove().close();
      }
    }
    return texts;
  }

  @Override
  public void close() throws IOException {
    for (Lines source : sources) {
      source.close();
    }
  }

  private static final class Lines implements Closeable {
    private final String name;
    private final BufferedReader reader;
    private long line;

    Lines(String name, InputStream stream) {
      this.name = name;
      // The decoder of newDecoder() reports malformed bytes; that of a charset replaces them.
      this.reader =
          new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8.newDecoder()));
    }

    boolean isReady() throws IOException {
      return reader.ready();
    }

    String next() throws IOException {
      String text;
      try {
        text = reader.readLine();
      } catch (CharacterCodingException e) {
        throw new IOException(name + ": not UTF-8 soon after line " + line, e);
      } catch (IOException e) {
        throw new IOException(name + ": " + e.getMessage(), e);
      }
      line++;
      boolean marked =
          line == 1 && text != null && !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK;
      return marked ? text.substring(1) : text;
    }

    @Override
    public void close() throws IOException {
      reader.close();
    }
  }
}
