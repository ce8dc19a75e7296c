package dev.panaformer.checkpoint;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The fields of a JSON file. Each accessor checks the type and the range of a field. Every failure
 * is a {@link CheckpointException} that names the file, the field, what was found and what was
 * expected. A field with the value {@code null} counts as absent. Immutable.
 */
public final class ConfigJson {
  private final Path source;
  private final String prefix;
  private final Map<String, Object> json;

  private ConfigJson(Path source, String prefix, Map<String, Object> json) {
    this.source = source;
    this.prefix = prefix;
    this.json = json;
  }

  /**
   * Reads a file.
   *
   * @throws CheckpointException if the file is absent, cannot be read, or holds no JSON object
   */
  public static ConfigJson read(Path file) {
    try {
      if (!Files.readAttributes(file, BasicFileAttributes.class).isRegularFile()) {
        throw new CheckpointException(file + ": not a file");
      }
    } catch (IOException e) {
      throw CheckpointException.unreadable(file, e);
    }
    return new ConfigJson(file, "", StrictJson.readObject(file));
  }

  /**
   * Parses JSON that was not read from its own file.
   *
   * @param source the path that messages name
   * @throws CheckpointException if the text holds no JSON object
   */
  public static ConfigJson parse(Path source, String json) {
    byte[] utf8 = json.getBytes(StandardCharsets.UTF_8);
    return new ConfigJson(source, "", StrictJson.parseObject(source.toString(), utf8));
  }

  /**
   * Wraps fields that are already parsed.
   *
   * @param source the path that messages name
   * @param fields values as {@link StrictJson} describes them
   */
  public static ConfigJson of(Path source, Map<String, ?> fields) {
    return new ConfigJson(source, "", Collections.unmodifiableMap(fields));
  }

  /** A copy of these fields in which one field has another value. */
  public ConfigJson with(String field, Object value) {
    Map<String, Object> changed = new LinkedHashMap<>(json);
    changed.put(field, value);
    return new ConfigJson(source, prefix, Collections.unmodifiableMap(changed));
  }

  /** The file, for messages. */
  public Path source() {
    return source;
  }

  /**
   * The names of all fields in the order of the file, including fields with the value {@code null}.
   */
  public Set<String> fields() {
    return json.keySet();
  }

  /** All fields and their values as {@link StrictJson} describes them. */
  public Map<String, Object> asMap() {
    return json;
  }

  /** Whether the field exists and its value is not {@code null}. */
  public boolean has(String field) {
    return get(field) != null;
  }

  /** The value of a field as {@link StrictJson} describes it; null if the field is absent. */
  public Object value(String field) {
    return get(field);
  }

  /** Whether a field holds an array. */
  public boolean isArray(String field) {
    return get(field) instanceof List;
  }

  /** Whether a field holds an object. */
  public boolean isObject(String field) {
    return get(field) instanceof Map;
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
    if (get(field) instanceof Boolean value) {
      return value;
    }
    throw wrong(field, "true or false");
  }

  /**
   * The integers of an array field; a single integer counts as an array of one. Empty if the field
   * is absent.
   */
  public List<Integer> integers(String field, int min, int max) {
    if (!has(field)) {
      return List.of();
    }
    if (!(get(field) instanceof List<?> array)) {
      return List.of(integer(field, min, max, get(field)));
    }
    List<Integer> integers = new ArrayList<>();
    for (Object element : array) {
      integers.add(integer(field, min, max, element));
    }
    return List.copyOf(integers);
  }

  /**
   * The numbers of an array field; a single number counts as an array of one. Empty if the field is
   * absent.
   */
  public List<Double> numbers(String field, double min, double max) {
    if (!has(field)) {
      return List.of();
    }
    if (!(get(field) instanceof List<?> array)) {
      return List.of(number(field, min, max, get(field)));
    }
    List<Double> numbers = new ArrayList<>();
    for (Object element : array) {
      numbers.add(number(field, min, max, element));
    }
    return List.copyOf(numbers);
  }

  /** The strings of an array field; empty if the field is absent. */
  public List<String> strings(String field) {
    List<String> strings = new ArrayList<>();
    if (has(field)) {
      if (!(get(field) instanceof List<?> array)) {
        throw wrong(field, "an array of strings");
      }
      for (Object element : array) {
        if (!(element instanceof String value)) {
          throw wrong(field, "an array of strings");
        }
        strings.add(value);
      }
    }
    return strings;
  }

  /**
   * The string values of an object field by name, in the order of the file; empty if the field is
   * absent.
   */
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

  /** The fields of an object that is the value of a field. */
  public ConfigJson object(String field) {
    if (!(require(field, "an object") instanceof Map)) {
      throw wrong(field, "an object");
    }
    return new ConfigJson(source, prefix + field + ".", StrictJson.asObject(get(field)));
  }

  /** The objects of an array field; empty if the field is absent. */
  public List<ConfigJson> objects(String field) {
    List<ConfigJson> objects = new ArrayList<>();
    if (has(field)) {
      if (!(get(field) instanceof List<?> array)) {
        throw wrong(field, "an array of objects");
      }
      for (Object element : array) {
        if (!(element instanceof Map)) {
          throw wrong(field, "an array of objects");
        }
        String path = prefix + field + "[" + objects.size() + "].";
        objects.add(new ConfigJson(source, path, StrictJson.asObject(element)));
      }
    }
    return objects;
  }

  /** Creates an exception for a field whose value has the right type but is invalid. */
  public CheckpointException wrong(String field, String expected) {
    return new CheckpointException(unexpected(field, expected));
  }

  /**
   * Creates an exception for a field whose value is valid, but asks for something that is not
   * supported.
   */
  public UnsupportedModelException unsupported(String field, String expected) {
    return new UnsupportedModelException(unexpected(field, expected));
  }

  private String unexpected(String field, String expected) {
    return String.format(
        "%s: %s is %s, expected %s", source, prefix + field, found(field), expected);
  }

  private String found(String field) {
    return json.containsKey(field) ? StrictJson.kind(json.get(field)) : "nothing";
  }

  private Object get(String field) {
    return json.get(field);
  }

  private Object require(String field, String expected) {
    if (!has(field)) {
      throw new CheckpointException(
          String.format("%s: %s is missing, expected %s", source, prefix + field, expected));
    }
    return get(field);
  }

  private int integer(String field, int min, int max, Object value) {
    // Some exporters write 768.0 for 768.
    double number = number(field, integerRange(min, max), value);
    if (number < min || number > max || number != Math.rint(number)) {
      throw wrong(field, integerRange(min, max));
    }
    return (int) number;
  }

  private double number(String field, double min, double max, Object value) {
    double number = number(field, numberRange(min, max), value);
    if (!(number >= min && number <= max)) {
      throw wrong(field, numberRange(min, max));
    }
    return number;
  }

  private double number(String field, String expected, Object value) {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw wrong(field, expected);
  }

  private String string(String field, Object value) {
    if (value instanceof String string) {
      return string;
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

  /** The fields as JSON, on one line. */
  @Override
  public String toString() {
    return StrictJson.text(json);
  }
}
