package dev.panaformer.tokenizer;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.StrictJson;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Tokens and their ids. The native library assigns the same ids but does not expose them. */
final class Vocabulary {
  /** Far above any existing vocabulary, and small enough for an array in memory. */
  private static final int MAX_ID = (1 << 24) - 1;

  private final Map<String, Integer> ids;
  private final String[] tokens;

  private Vocabulary(Map<String, Integer> ids) {
    this.ids = ids;
    this.tokens = new String[ids.values().stream().mapToInt(id -> id).max().orElse(-1) + 1];
    ids.forEach((token, id) -> tokens[id] = token);
  }

  /** Reads the {@code model} and the {@code added_tokens} of a tokenizer.json. */
  static Vocabulary read(ConfigJson json) {
    Path source = json.source();
    ConfigJson model = json.object("model");
    Object vocab = model.value("vocab");
    Map<String, Integer> ids = new HashMap<>();
    if (vocab instanceof Map<?, ?> tokens) {
      tokens.forEach((token, id) -> ids.put((String) token, id(source, (String) token, id)));
    } else if (vocab instanceof List<?> pieces) {
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
    addTokens(json, ids);
    return new Vocabulary(ids);
  }

  private static int id(Path source, String token, Object id) {
    // A Long in parsed files, an Integer in a converted vocab.txt.
    if (id instanceof Number value
        && (value instanceof Long || value instanceof Integer)
        && value.longValue() >= 0
        && value.longValue() <= MAX_ID) {
      return value.intValue();
    }
    throw new CheckpointException(
        String.format(
            "%s: token \"%s\" has the id %s, expected an integer from 0 to %d",
            source, token, StrictJson.text(id), MAX_ID));
  }

  private static String piece(ConfigJson model, Object piece) {
    if (piece instanceof List<?> pair && pair.size() == 2 && pair.get(0) instanceof String token) {
      return token;
    }
    throw model.wrong("vocab", "[token, score] for each piece");
  }

  /**
   * Checks that a WordPiece model has its unknown token. Otherwise the error would appear with the
   * first text that needs it.
   */
  private static void checkUnknownToken(ConfigJson model, Map<String, Integer> ids) {
    String unknown = model.isObject("vocab") ? model.optionalString("unk_token", null) : null;
    if (unknown != null && !ids.containsKey(unknown)) {
      throw model.wrong("unk_token", "a token of the vocabulary");
    }
  }

  /**
   * Assigns ids to added tokens. A token that the model contains keeps its id; the others follow
   * the largest id in order.
   */
  private static void addTokens(ConfigJson json, Map<String, Integer> ids) {
    if (!(json.value("added_tokens") instanceof List<?> added)) {
      return;
    }
    int modelSize = ids.size();
    int largestAdded = -1;
    for (Object element : added) {
      if (!(element instanceof Map<?, ?> token)) {
        throw new CheckpointException(
            json.source() + ": added_tokens holds " + StrictJson.text(element));
      }
      String content = fields(json.source(), token).requireString("content");
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

  @SuppressWarnings("unchecked")
  private static ConfigJson fields(Path source, Map<?, ?> object) {
    return ConfigJson.of(source, (Map<String, ?>) object);
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
