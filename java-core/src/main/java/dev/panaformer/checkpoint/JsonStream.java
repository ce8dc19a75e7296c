package dev.panaformer.checkpoint;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON as {@link StrictJson} defines it, value by value, so that a large file need not be in
 * memory. Every failure is a {@link CheckpointException} that names the source. Not thread-safe.
 */
public final class JsonStream implements AutoCloseable {
  private static final int MAX_DEPTH = 64;

  /** Bytes by which a file is recognised. */
  private static final int BEGINNING = 64;

  private static final int BUFFER_BYTES = 1 << 16;

  private final String name;
  private final JsonReader json;

  private JsonStream(String name, InputStream utf8) {
    this.name = name;
    // This decoder reports malformed input. The usual constructors would replace it.
    this.json = new JsonReader(new InputStreamReader(utf8, StandardCharsets.UTF_8.newDecoder()));
    json.setStrictness(Strictness.STRICT);
    json.setNestingLimit(MAX_DEPTH);
  }

  /**
   * Opens a file of at most {@link StrictJson#MAX_BYTES}.
   *
   * @throws CheckpointException if it cannot be read
   */
  public static JsonStream open(Path file) {
    try {
      InputStream bytes = new BufferedInputStream(Files.newInputStream(file), BUFFER_BYTES);
      try {
        bytes.mark(BEGINNING);
        ForeignFolder.requireContent(file, bytes.readNBytes(BEGINNING));
        bytes.reset();
      } catch (IOException | CheckpointException e) {
        bytes.close();
        throw e;
      }
      return new JsonStream(file.toString(), new Bounded(file, bytes));
    } catch (IOException e) {
      throw CheckpointException.unreadable(file, e);
    }
  }

  /**
   * @param name the name of the source, for messages
   */
  static JsonStream of(String name, byte[] utf8) {
    return new JsonStream(name, new ByteArrayInputStream(utf8));
  }

  /** Ends with an exception where a file is longer than JSON may be. */
  private static final class Bounded extends FilterInputStream {
    private final Path file;
    private long left = StrictJson.MAX_BYTES;

    Bounded(Path file, InputStream in) {
      super(in);
      this.file = file;
    }

    @Override
    public int read() throws IOException {
      int b = super.read();
      count(b < 0 ? 0 : 1);
      return b;
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
      int count = super.read(bytes, from, length);
      count(Math.max(0, count));
      return count;
    }

    private void count(int bytes) {
      left -= bytes;
      if (left < 0) {
        throw new CheckpointException(
            String.format(
                "%s: more than %d bytes of JSON are not read", file, StrictJson.MAX_BYTES));
      }
    }
  }

  private interface Read<T> {
    T run() throws IOException;
  }

  private <T> T read(Read<T> read) {
    try {
      return read.run();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(name + ": not UTF-8", e);
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new CheckpointException(name + ": not valid JSON: " + e.getMessage(), e);
    }
  }

  /** Enters an object. */
  public void beginObject() {
    read(() -> {
      json.beginObject();
      return null;
    });
  }

  /** Leaves an object. */
  public void endObject() {
    read(() -> {
      json.endObject();
      return null;
    });
  }

  /** Enters an array. */
  public void beginArray() {
    read(() -> {
      json.beginArray();
      return null;
    });
  }

  /** Leaves an array. */
  public void endArray() {
    read(() -> {
      json.endArray();
      return null;
    });
  }

  /** Whether the object or array has another element. */
  public boolean hasNext() {
    return read(json::hasNext);
  }

  /** Whether the next value is an object. */
  public boolean isObject() {
    return read(json::peek) == JsonToken.BEGIN_OBJECT;
  }

  /** Whether the next value is an array. */
  public boolean isArray() {
    return read(json::peek) == JsonToken.BEGIN_ARRAY;
  }

  /** Whether the next value is a string. */
  public boolean isString() {
    return read(json::peek) == JsonToken.STRING;
  }

  /** The name of the next field. */
  public String nextName() {
    return read(() -> text(json.nextName()));
  }

  /** The next value, which must be a string. */
  public String nextString() {
    if (!isString()) {
      throw new CheckpointException(name + ": " + json.getPath() + " is not a string");
    }
    return read(() -> text(json.nextString()));
  }

  /** The next value, which must be a number, as it is written. */
  public String nextNumber() {
    if (read(json::peek) != JsonToken.NUMBER) {
      throw new CheckpointException(name + ": " + json.getPath() + " is not a number");
    }
    return read(json::nextString);
  }

  /** The next value as {@link StrictJson} describes it. */
  public Object nextValue() {
    return read(this::value);
  }

  /** Checks that nothing follows. */
  public void end() {
    if (read(json::peek) != JsonToken.END_DOCUMENT) {
      throw new CheckpointException(name + ": text after the end of the JSON");
    }
  }

  /** Where the next value is, such as {@code $.model.vocab}, for messages. */
  public String path() {
    return json.getPath();
  }

  @Override
  public void close() {
    try {
      json.close();
    } catch (IOException e) {
      throw new CheckpointException(name + ": cannot be closed: " + e, e);
    }
  }

  private Object value() throws IOException {
    switch (json.peek()) {
      case BEGIN_OBJECT:
        Map<String, Object> object = new LinkedHashMap<>();
        json.beginObject();
        while (json.hasNext()) {
          String field = text(json.nextName());
          if (object.containsKey(field)) {
            throw new CheckpointException(name + ": " + json.getPath() + " appears twice");
          }
          object.put(field, value());
        }
        json.endObject();
        return Collections.unmodifiableMap(object);
      case BEGIN_ARRAY:
        List<Object> array = new ArrayList<>();
        json.beginArray();
        while (json.hasNext()) {
          array.add(value());
        }
        json.endArray();
        return Collections.unmodifiableList(array);
      case STRING:
        return text(json.nextString());
      case NUMBER:
        return number(json.nextString());
      case BOOLEAN:
        return json.nextBoolean();
      case NULL:
        json.nextNull();
        return null;
      default:
        throw new IOException("expected a value at " + json.getPath());
    }
  }

  private String text(String text) throws IOException {
    // Escapes can encode half of a surrogate pair, which is not valid text.
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        if (!Character.isSupplementaryCodePoint(text.codePointAt(i))) {
          throw new IOException("a lone surrogate at " + json.getPath());
        }
        i++;
      }
    }
    return text;
  }

  /** Integers up to 63 bits stay exact. Larger ones become a double, as in other JSON readers. */
  private static Number number(String digits) {
    try {
      return Long.valueOf(digits);
    } catch (NumberFormatException e) {
      double number = Double.parseDouble(digits);
      if (Double.isInfinite(number)) {
        throw new NumberFormatException(digits + " is too large");
      }
      return number;
    }
  }
}
