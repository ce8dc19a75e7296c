package dev.panaformer.cli.arguments;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import dev.panaformer.TextPair;
import java.util.List;
import picocli.CommandLine.Option;

/** The option {@code --pairs}: every input is two texts that the model reads together. */
public final class PairArguments {
  /** The names that the two texts may have in JSON. */
  private static final List<List<String>> NAMES =
      List.of(List.of("text", "pair"), List.of("question", "context"));

  private static final Gson GSON = new GsonBuilder().setStrictness(Strictness.STRICT).create();

  @Option(
      names = "--pairs",
      description = {
        "Read two texts from each argument or line, with a tab between them, or as JSON:",
        "{\"text\": …, \"pair\": …} or {\"question\": …, \"context\": …}."
      })
  private boolean pairs;

  public boolean arePairs() {
    return pairs;
  }

  /**
   * Parses one line.
   *
   * @throws IllegalArgumentException if it does not hold two texts
   */
  public static TextPair parse(String line) {
    if (line.stripLeading().startsWith("{")) {
      return ofJson(line);
    }
    String[] texts = line.split("\t", -1);
    if (texts.length != 2) {
      throw new IllegalArgumentException(
          "has "
              + (texts.length == 1 ? "no tab" : texts.length - 1 + " tabs")
              + ", expected two texts with a tab between them, or JSON with text and pair");
    }
    return new TextPair(texts[0], texts[1]);
  }

  private static TextPair ofJson(String line) {
    JsonObject json;
    try {
      json = GSON.fromJson(line, JsonObject.class);
    } catch (JsonParseException e) {
      throw new IllegalArgumentException("not valid JSON", e);
    }
    for (List<String> names : NAMES) {
      if (isText(json, names.get(0)) && isText(json, names.get(1))) {
        return new TextPair(
            json.get(names.get(0)).getAsString(), json.get(names.get(1)).getAsString());
      }
    }
    throw new IllegalArgumentException(
        "has the fields " + json.keySet() + ", expected text and pair, or question and context");
  }

  private static boolean isText(JsonObject json, String name) {
    return json.has(name)
        && json.get(name).isJsonPrimitive()
        && json.get(name).getAsJsonPrimitive().isString();
  }
}
