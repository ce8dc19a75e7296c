package dev.panaformer.checkpoint;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
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

  private static final int MAX_DEPTH = 64;

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
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new CheckpointException(file + ": cannot be read: " + e, e);
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
    try (JsonReader json = new JsonReader(reader(utf8))) {
      json.setStrictness(Strictness.STRICT);
      json.setNestingLimit(MAX_DEPTH);
      Object value = value(name, json);
      if (json.peek() != JsonToken.END_DOCUMENT) {
        throw new CheckpointException(name + ": text after the end of the JSON");
      }
      return value;
    } catch (CharacterCodingException e) {
      throw new CheckpointException(name + ": not UTF-8", e);
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new CheckpointException(name + ": not valid JSON: " + e.getMessage(), e);
    }
  }

  private static Reader reader(byte[] utf8) {
    // This decoder reports malformed input. The usual constructors would replace it.
    return new InputStreamReader(
        new ByteArrayInputStream(utf8), StandardCharsets.UTF_8.newDecoder());
  }

  private static Object value(String name, JsonReader json) throws IOException {
    switch (json.peek()) {
      case BEGIN_OBJECT:
        Map<String, Object> object = new LinkedHashMap<>();
        json.beginObject();
        while (json.hasNext()) {
          String field = text(json.nextName(), json);
          if (object.containsKey(field)) {
            throw new CheckpointException(name + ": " + json.getPath() + " appears twice");
          }
          object.put(field, value(name, json));
        }
        json.endObject();
        return Collections.unmodifiableMap(object);
      case BEGIN_ARRAY:
        List<Object> array = new ArrayList<>();
        json.beginArray();
        while (json.hasNext()) {
          array.add(value(name, json));
        }
        json.endArray();
        return Collections.unmodifiableList(array);
      case STRING:
        return text(json.nextString(), json);
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

  private static String text(String text, JsonReader json) throws IOException {
    // Escapes can encode half of a surrogate pair, which is not valid text.
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      if (Character.isSurrogate(text.charAt(i))
          && !Character.isSupplementaryCodePoint(text.codePointAt(i))) {
        throw new IOException("a lone surrogate at " + json.getPath());
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
