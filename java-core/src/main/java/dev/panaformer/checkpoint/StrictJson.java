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
 * JSON according to RFC 8259, without anything that parsers disagree on: strict UTF-8, no repeated
 * names, bounded depth, nothing after the end.
 *
 * <p>Values are objects of the JDK that cannot be modified: an object is a {@link Map} in the order
 * of the file, an array a {@link List}; the others are {@link String}, {@link Long}, {@link Double}
 * (whatever is not an integer of 63 bits), {@link Boolean} and null.
 */
public final class StrictJson {
  /** More than any tokenizer.json or safetensors header, and little enough to hold in memory. */
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
   * The bytes of a file of no more than {@link #MAX_BYTES}.
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
   * @param name for messages
   * @throws CheckpointException if the bytes are something else
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
   * @param name for messages
   * @throws CheckpointException if the bytes are something else
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
    // A decoder made by hand reports malformed input, where the usual constructors replace it.
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
    // Escapes can spell half of a surrogate pair, which is no text.
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      if (Character.isSurrogate(text.charAt(i))
          && !Character.isSupplementaryCodePoint(text.codePointAt(i))) {
        throw new IOException("a lone surrogate at " + json.getPath());
      }
    }
    return text;
  }

  /** Whole numbers stay exact; what exceeds 63 bits is a double, as in every other reader. */
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

  /** A value that is an object. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> asObject(Object json) {
    return (Map<String, Object>) json;
  }

  /** A value as JSON, on one line. */
  public static String text(Object json) {
    return WRITER.toJson(json);
  }

  /** What a value is, for messages: numbers, short strings and short arrays as they are written. */
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
