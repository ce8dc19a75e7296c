package dev.panaformer.checkpoint;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The fields of a JSON file, each read with the type and range that its reader expects. Every
 * failure is a {@link CheckpointException} that names the file, the field, what was found and what
 * was expected. A field that holds {@code null} counts as absent.
 *
 * <p>Immutable as long as nobody modifies {@link #json}.
 */
public final class ConfigJson {
  private final Path source;
  private final String prefix;
  private final JsonObject json;

  private ConfigJson(Path source, String prefix, JsonObject json) {
    this.source = source;
    this.prefix = prefix;
    this.json = json;
  }

  /**
   * Reads a file.
   *
   * @throws CheckpointException if the file is absent or holds no JSON object
   */
  public static ConfigJson read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new CheckpointException(file + ": no such file");
    }
    return of(file, StrictJson.readObject(file));
  }

  /**
   * Fields that come from somewhere else than their own file.
   *
   * @param source for messages
   */
  public static ConfigJson of(Path source, JsonObject json) {
    return new ConfigJson(source, "", json);
  }

  /** The file, for messages. */
  public Path source() {
    return source;
  }

  /** All that was read. Not to be modified. */
  public JsonObject json() {
    return json;
  }

  /** The names of all fields, in the order of the file. */
  public Set<String> fields() {
    return json.keySet();
  }

  public boolean has(String field) {
    return get(field) != null;
  }

  public int requireInt(String field, int min, int max) {
    return integer(field, min, max, require(field, integerRange(min, max)));
  }

  public int optionalInt(String field, int absent, int min, int max) {
    return has(field) ? integer(field, min, max, get(field)) : absent;
  }

  public double requireDouble(String field, double min, double max) {
    return number(field, min, max, require(field, numberRange(min, max)));
  }

  public double optionalDouble(String field, double absent, double min, double max) {
    return has(field) ? number(field, min, max, get(field)) : absent;
  }

  public String requireString(String field) {
    return string(field, require(field, "a string"));
  }

  public String optionalString(String field, String absent) {
    return has(field) ? string(field, get(field)) : absent;
  }

  public boolean optionalBoolean(String field, boolean absent) {
    if (!has(field)) {
      return absent;
    }
    if (get(field) instanceof JsonPrimitive value && value.isBoolean()) {
      return value.getAsBoolean();
    }
    throw wrong(field, "true or false");
  }

  /** The integers of an array, or a single one; empty if the field is absent. */
  public List<Integer> integers(String field, int min, int max) {
    if (!has(field)) {
      return List.of();
    }
    if (!get(field).isJsonArray()) {
      return List.of(integer(field, min, max, get(field)));
    }
    List<Integer> integers = new ArrayList<>();
    for (JsonElement element : get(field).getAsJsonArray()) {
      integers.add(integer(field, min, max, element));
    }
    return List.copyOf(integers);
  }

  /** The numbers of an array, or a single one; empty if the field is absent. */
  public List<Double> numbers(String field, double min, double max) {
    if (!has(field)) {
      return List.of();
    }
    if (!get(field).isJsonArray()) {
      return List.of(number(field, min, max, get(field)));
    }
    List<Double> numbers = new ArrayList<>();
    for (JsonElement element : get(field).getAsJsonArray()) {
      numbers.add(number(field, min, max, element));
    }
    return List.copyOf(numbers);
  }

  /** The strings of an array; empty if the field is absent. */
  public List<String> strings(String field) {
    List<String> strings = new ArrayList<>();
    if (has(field)) {
      if (!get(field).isJsonArray()) {
        throw wrong(field, "an array of strings");
      }
      for (JsonElement element : get(field).getAsJsonArray()) {
        if (!(element instanceof JsonPrimitive value && value.isString())) {
          throw wrong(field, "an array of strings");
        }
        strings.add(element.getAsString());
      }
    }
    return strings;
  }

  /** The strings of an object by name, in the order of the file; empty if the field is absent. */
  public Map<String, String> stringMap(String field) {
    Map<String, String> strings = new LinkedHashMap<>();
    if (has(field)) {
      ConfigJson object = object(field);
      for (String name : object.json.keySet()) {
        strings.put(name, object.requireString(name));
      }
    }
    return strings;
  }

  /** The fields of an object in a field. */
  public ConfigJson object(String field) {
    if (!require(field, "an object").isJsonObject()) {
      throw wrong(field, "an object");
    }
    return new ConfigJson(source, prefix + field + ".", get(field).getAsJsonObject());
  }

  /** An exception for a field whose value has the right type and yet cannot be used. */
  public CheckpointException wrong(String field, String expected) {
    return new CheckpointException(unexpected(field, expected));
  }

  /** An exception for a field whose value has a meaning, but asks for what we do not do. */
  public UnsupportedModelException unsupported(String field, String expected) {
    return new UnsupportedModelException(unexpected(field, expected));
  }

  private String unexpected(String field, String expected) {
    return String.format(
        "%s: %s is %s, expected %s",
        source, prefix + field, StrictJson.kind(json.get(field)), expected);
  }

  private JsonElement get(String field) {
    JsonElement value = json.get(field);
    return value == null || value.isJsonNull() ? null : value;
  }

  private JsonElement require(String field, String expected) {
    if (!has(field)) {
      throw new CheckpointException(
          String.format("%s: %s is missing, expected %s", source, prefix + field, expected));
    }
    return get(field);
  }

  private int integer(String field, int min, int max, JsonElement value) {
    // 768.0 is written by some exporters and means 768.
    double number = number(field, integerRange(min, max), value);
    if (number < min || number > max || number != Math.rint(number)) {
      throw wrong(field, integerRange(min, max));
    }
    return (int) number;
  }

  private double number(String field, double min, double max, JsonElement value) {
    double number = number(field, numberRange(min, max), value);
    if (!(number >= min && number <= max)) {
      throw wrong(field, numberRange(min, max));
    }
    return number;
  }

  private double number(String field, String expected, JsonElement value) {
    if (value instanceof JsonPrimitive primitive && primitive.isNumber()) {
      return primitive.getAsDouble();
    }
    throw wrong(field, expected);
  }

  private String string(String field, JsonElement value) {
    if (value instanceof JsonPrimitive primitive && primitive.isString()) {
      return primitive.getAsString();
    }
    throw wrong(field, "a string");
  }

  private static String integerRange(int min, int max) {
    return max == Integer.MAX_VALUE
        ? "an integer of at least " + min
        : "an integer from " + min + " to " + max;
  }

  private static String numberRange(double min, double max) {
    return "a number from " + min + " to " + max;
  }
}
