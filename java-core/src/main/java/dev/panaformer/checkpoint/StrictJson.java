package dev.panaformer.checkpoint;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A parser for JSON as RFC 8259 defines it. It refuses everything that parsers interpret
 * differently: invalid UTF-8, repeated names, excessive nesting, and content after the end.
 *
 * <p>Values are immutable JDK objects: an object is a {@link Map} in the order of the file, and an
 * array is a {@link List}. The other values are {@link String}, {@link Long}, {@link Double} (for
 * every number that is not a 63-bit integer), {@link Boolean} and null.
 */
public final class StrictJson {
  /** Larger than any tokenizer.json or safetensors header, and small enough to hold in memory. */
  public static final long MAX_BYTES = 100_000_000;

  private static final Gson WRITER =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

  private StrictJson() {}

  /**
   * Reads a file that holds one JSON object.
   *
   * @throws CheckpointException if it cannot be read, naming the file
   */
  public static Map<String, Object> readObject(Path file) {
    return parseObject(file.toString(), readBytes(file));
  }

  /**
   * Reads a file that holds one JSON value.
   *
   * @throws CheckpointException if it cannot be read, naming the file
   */
  public static Object read(Path file) {
    return parse(file.toString(), readBytes(file));
  }

  /**
   * Reads a file of at most {@link #MAX_BYTES}.
   *
   * @throws CheckpointException if it cannot be read, or is larger, naming the file
   */
  public static byte[] readBytes(Path file) {
    try {
      long size = Files.size(file);
      if (size > MAX_BYTES) {
        throw new CheckpointException(
            String.format("%s: %d bytes of JSON, expected at most %d", file, size, MAX_BYTES));
      }
      byte[] bytes = Files.readAllBytes(file);
      ForeignFolder.requireContent(file, bytes);
      return bytes;
    } catch (IOException e) {
      throw CheckpointException.unreadable(file, e);
    }
  }

  /**
   * Parses one JSON object.
   *
   * @param name the name of the source, for messages
   * @throws CheckpointException if the bytes are not a JSON object
   */
  public static Map<String, Object> parseObject(String name, byte[] utf8) {
    Object json = parse(name, utf8);
    if (!(json instanceof Map)) {
      throw new CheckpointException(name + ": expected a JSON object, found " + kind(json));
    }
    return asObject(json);
  }

  /**
   * Parses one JSON value.
   *
   * @param name the name of the source, for messages
   * @throws CheckpointException if the bytes are not JSON
   */
  public static Object parse(String name, byte[] utf8) {
    try (JsonStream json = JsonStream.of(name, utf8)) {
      Object value = json.nextValue();
      json.end();
      return value;
    }
  }

  /** Casts a value that is known to be an object. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> asObject(Object json) {
    return (Map<String, Object>) json;
  }

  /** Formats a value as JSON on one line. */
  public static String text(Object json) {
    return WRITER.toJson(json);
  }

  /**
   * Describes a value for messages. Numbers, short strings and short arrays are printed as they are
   * written.
   */
  static String kind(Object json) {
    if (json instanceof Map) {
      return "an object";
    }
    String text = text(json);
    if (json instanceof List<?> array && (array.isEmpty() || text.length() > 80)) {
      return "an array";
    }
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }
}
