package dev.panaformer.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

/** Tokens and their ids, as the native library assigns them but does not tell. */
final class Vocabulary {
  /** Many times the largest vocabulary there is, and an array that memory still holds. */
  private static final int MAX_ID = (1 << 24) - 1;

  private final Map<String, Integer> ids;
  private final String[] tokens;

  private Vocabulary(Map<String, Integer> ids) {
    this.ids = ids;
    this.tokens = new String[ids.values().stream().mapToInt(id -> id).max().orElse(-1) + 1];
    ids.forEach((token, id) -> tokens[id] = token);
  }

  /** Reads the {@code model} and the {@code added_tokens} of a tokenizer.json. */
  static Vocabulary read(Path source, JsonObject json) {
    ConfigJson model = ConfigJson.of(source, json).object("model");
    JsonElement vocab = model.json().get("vocab");
    Map<String, Integer> ids = new HashMap<>();
    if (vocab instanceof JsonObject tokens) {
      tokens.asMap().forEach((token, id) -> ids.put(token, id(source, token, id)));
    } else if (vocab instanceof JsonArray pieces) {
      for (int i = 0; i < pieces.size(); i++) {
        ids.put(piece(model, pieces.get(i)), i);
      }
    } else {
      throw model.wrong("vocab", "an object of ids, or an array of pieces");
    }
    if (ids.isEmpty()) {
      throw model.wrong("vocab", "at least one token");
    }
    checkUnknownToken(model, ids);
    addTokens(source, json, ids);
    return new Vocabulary(ids);
  }

  private static int id(Path source, String token, JsonElement id) {
    // Long as files are read, Integer where a vocab.txt was brought into this form.
    if (id instanceof JsonPrimitive value
        && value.isNumber()
        && (value.getAsNumber() instanceof Long || value.getAsNumber() instanceof Integer)
        && value.getAsLong() >= 0
        && value.getAsLong() <= MAX_ID) {
      return value.getAsInt();
    }
    throw new CheckpointException(
        String.format(
            "%s: token \"%s\" has the id %s, expected an integer from 0 to %d",
            source, token, id, MAX_ID));
  }

  private static String piece(ConfigJson model, JsonElement piece) {
    if (piece instanceof JsonArray pair
        && pair.size() == 2
        && pair.get(0) instanceof JsonPrimitive token
        && token.isString()) {
      return token.getAsString();
    }
    throw model.wrong("vocab", "[token, score] for each piece");
  }

  /** WordPiece cannot do without; found here, or with the first odd character of a text. */
  private static void checkUnknownToken(ConfigJson model, Map<String, Integer> ids) {
    String unknown =
        model.json().get("vocab").isJsonObject() ? model.optionalString("unk_token", null) : null;
    if (unknown != null && !ids.containsKey(unknown)) {
      throw model.wrong("unk_token", "a token of the vocabulary");
    }
  }

  /** A token that the model has keeps its id there; others follow the largest, one by one. */
  private static void addTokens(Path source, JsonObject json, Map<String, Integer> ids) {
    if (!(json.get("added_tokens") instanceof JsonArray added)) {
      return;
    }
    int modelSize = ids.size();
    int largestAdded = -1;
    for (JsonElement element : added) {
      if (!element.isJsonObject()) {
        throw new CheckpointException(source + ": added_tokens holds " + element);
      }
      String content = ConfigJson.of(source, element.getAsJsonObject()).requireString("content");
      if (content.isEmpty()) {
        continue;
      }
      Integer id = ids.get(content);
      if (id == null) {
        id = Math.max(largestAdded + 1, modelSize);
        ids.put(content, id);
      }
      largestAdded = Math.max(largestAdded, id);
    }
  }

  OptionalInt id(String token) {
    Integer id = ids.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  String token(int id) {
    if (id < 0 || id >= tokens.length || tokens[id] == null) {
      throw new IndexOutOfBoundsException("no token " + id + " in a vocabulary of " + size());
    }
    return tokens[id];
  }

  int size() {
    return tokens.length;
  }

  @Override
  public String toString() {
    return Arrays.toString(tokens);
  }
}
