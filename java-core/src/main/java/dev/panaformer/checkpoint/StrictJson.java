package dev.panaformer.checkpoint;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
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

/**
 * JSON as RFC 8259 has it, and nothing that readers disagree on: strict UTF-8, no repeated names,
 * bounded depth, nothing after the end.
 */
public final class StrictJson {
  /** More than any tokenizer.json or safetensors header, and little enough to hold in memory. */
  public static final long MAX_BYTES = 100_000_000;

  private static final int MAX_DEPTH = 64;

  private StrictJson() {}

  /**
   * Reads a file that holds one JSON object.
   *
   * @throws CheckpointException if it cannot be read, naming the file
   */
  public static JsonObject readObject(Path file) {
    return parseObject(file.toString(), readBytes(file));
  }

  /**
   * Reads a file that holds one JSON value.
   *
   * @throws CheckpointException if it cannot be read, naming the file
   */
  public static JsonElement read(Path file) {
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
  public static JsonObject parseObject(String name, byte[] utf8) {
    JsonElement json = parse(name, utf8);
    if (!json.isJsonObject()) {
      throw new CheckpointException(name + ": expected a JSON object, found " + kind(json));
    }
    return json.getAsJsonObject();
  }

  /**
   * Parses one JSON value.
   *
   * @param name for messages
   * @throws CheckpointException if the bytes are something else
   */
  public static JsonElement parse(String name, byte[] utf8) {
    try (JsonReader json = new JsonReader(reader(utf8))) {
      json.setStrictness(Strictness.STRICT);
      json.setNestingLimit(MAX_DEPTH);
      JsonElement value = value(name, json);
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

  private static JsonElement value(String name, JsonReader json) throws IOException {
    switch (json.peek()) {
      case BEGIN_OBJECT:
        JsonObject object = new JsonObject();
        json.beginObject();
        while (json.hasNext()) {
          String field = text(json.nextName(), json);
          if (object.has(field)) {
            throw new CheckpointException(name + ": " + json.getPath() + " appears twice");
          }
          object.add(field, value(name, json));
        }
        json.endObject();
        return object;
      case BEGIN_ARRAY:
        JsonArray array = new JsonArray();
        json.beginArray();
        while (json.hasNext()) {
          array.add(value(name, json));
        }
        json.endArray();
        return array;
      case STRING:
        return new JsonPrimitive(text(json.nextString(), json));
      case NUMBER:
        return new JsonPrimitive(number(json.nextString()));
      case BOOLEAN:
        return new JsonPrimitive(json.nextBoolean());
      case NULL:
        json.nextNull();
        return JsonNull.INSTANCE;
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

  /** What a value is, for messages: numbers, short strings and short lists of them themselves. */
  static String kind(JsonElement json) {
    if (json == null) {
      return "nothing";
    }
    if (json.isJsonObject()) {
      return "an object";
    }
    String text = json.toString();
    if (json.isJsonArray() && (json.getAsJsonArray().isEmpty() || text.length() > 80)) {
      return "an array";
    }
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }
}
