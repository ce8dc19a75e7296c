package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.ConfigJson;
import dev.panaformer.checkpoint.JsonStream;
import dev.panaformer.checkpoint.StrictJson;
import dev.panaformer.tokenizer.model.Bpe;
import dev.panaformer.tokenizer.model.TokenModel;
import dev.panaformer.tokenizer.model.Unigram;
import dev.panaformer.tokenizer.model.WordLevel;
import dev.panaformer.tokenizer.model.WordPiece;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads the {@code model} of a tokenizer.json. */
final class ModelJson {
  private static final String EXPECTED_VOCAB = "an object of ids, or an array of pieces";

  private final Path file;
  private final TokenTable.Builder vocabulary;
  private final Map<String, Object> fields = new LinkedHashMap<>();
  private Merges merges;

  /** The scores of a vocabulary of pieces; null if it is an object of ids. */
  private double[] scores;

  private boolean hasVocabulary;

  ModelJson(Path file) {
    this.file = file;
    this.vocabulary = new TokenTable.Builder(file.toString());
  }

  TokenModel read(JsonStream json) {
    if (!json.isObject()) {
      throw new CheckpointException(file + ": model is not an object");
    }
    json.beginObject();
    while (json.hasNext()) {
      String name = json.nextName();
      boolean twice =
          fields.containsKey(name)
              || name.equals("vocab") && hasVocabulary
              || name.equals("merges") && merges != null;
      if (twice) {
        throw new CheckpointException(file + ": " + json.path() + " appears twice");
      }
      switch (name) {
        case "vocab" -> readVocabulary(json);
        case "merges" -> merges = Merges.read(json, file.toString());
        default -> fields.put(name, json.nextValue());
      }
    }
    json.endObject();
    if (!hasVocabulary) {
      throw new CheckpointException(file + ": model.vocab is missing, expected " + EXPECTED_VOCAB);
    }
    TokenTable tokens = vocabulary.build();
    // The fields are those of model, so that messages say where they are.
    return model(ConfigJson.of(file, Map.of("model", fields)).object("model"), tokens);
  }

  private void readVocabulary(JsonStream json) {
    hasVocabulary = true;
    if (json.isObject()) {
      json.beginObject();
      while (json.hasNext()) {
        String token = json.nextName();
        vocabulary.add(token, id(json, token));
      }
      json.endObject();
    } else if (json.isArray()) {
      readPieces(json);
    } else {
      throw new CheckpointException(file + ": model.vocab is not " + EXPECTED_VOCAB);
    }
  }

  private long id(JsonStream json, String token) {
    Object id = json.nextValue();
    if (id instanceof Long number) {
      return number;
    }
    throw new CheckpointException(
        String.format(
            "%s: token %s has the id %s, expected an integer from 0 to %d",
            file, StrictJson.text(token), StrictJson.text(id), TokenTable.MAX_ID));
  }

  private void readPieces(JsonStream json) {
    scores = new double[1 << 10];
    int count = 0;
    json.beginArray();
    while (json.hasNext()) {
      if (!json.isArray()) {
        throw notPiece(json);
      }
      json.beginArray();
      if (!json.hasNext() || !json.isString()) {
        throw notPiece(json);
      }
      vocabulary.replace(json.nextString(), count);
      if (!json.hasNext()) {
        throw notPiece(json);
      }
      scores = count == scores.length ? Arrays.copyOf(scores, 2 * count) : scores;
      scores[count++] = score(json);
      if (json.hasNext()) {
        throw notPiece(json);
      }
      json.endArray();
    }
    json.endArray();
    scores = Arrays.copyOf(scores, count);
  }

  private double score(JsonStream json) {
    try {
      return Scores.parse(json.nextNumber());
    } catch (NumberFormatException e) {
      throw new CheckpointException(file + ": " + json.path() + ": " + e.getMessage(), e);
    }
  }

  private CheckpointException notPiece(JsonStream json) {
    return new CheckpointException(
        String.format("%s: %s: expected [token, score] for each piece", file, json.path()));
  }

  private TokenModel model(ConfigJson json, TokenTable tokens) {
    String type = json.optionalString("type", null);
    if (type == null) {
      // Files of 2020 have no type.
      type =
          merges != null
              ? "BPE"
              : scores != null
                  ? "Unigram"
                  : json.has("continuing_subword_prefix") ? "WordPiece" : "WordLevel";
    }
    if ((scores != null) != type.equals("Unigram")) {
      throw json.wrong(
          "type",
          scores != null ? "Unigram, as vocab is an array" : "no Unigram, as vocab has ids");
    }
    return switch (type) {
      case "BPE" -> bpe(json, tokens);
      case "Unigram" -> unigram(json, tokens);
      case "WordLevel" -> new WordLevel(tokens, unknown(json, tokens, "<unk>"));
      case "WordPiece" ->
          new WordPiece(
              tokens,
              unknown(json, tokens, "[UNK]"),
              json.optionalString("continuing_subword_prefix", "##"),
              json.optionalInt("max_input_chars_per_word", 100, 0, Integer.MAX_VALUE));
      default -> throw json.unsupported("type", "BPE, Unigram, WordLevel or WordPiece");
    };
  }

  private TokenModel bpe(ConfigJson json, TokenTable tokens) {
    if (merges == null) {
      throw json.wrong("merges", "an array of merges");
    }
    if (json.optionalDouble("dropout", 0, 0, 1) > 0) {
      throw json.unsupported("dropout", "0: with dropout a text has other tokens each time");
    }
    String prefix = json.optionalString("continuing_subword_prefix", "");
    return merges.model(
        tokens,
        new Bpe.Options(
            json.has("unk_token") ? unknown(json, tokens, null) : -1,
            prefix,
            json.optionalString("end_of_word_suffix", ""),
            json.optionalBoolean("fuse_unk", false),
            json.optionalBoolean("byte_fallback", false),
            json.optionalBoolean("ignore_merges", false)));
  }

  private TokenModel unigram(ConfigJson json, TokenTable tokens) {
    int unknown = json.optionalInt("unk_id", -1, 0, Integer.MAX_VALUE);
    if (unknown >= scores.length) {
      throw json.wrong("unk_id", "an id below " + scores.length);
    }
    return new Unigram(
        file.toString(), tokens, scores, unknown, json.optionalBoolean("byte_fallback", false));
  }

  /**
   * The id of the unknown token. A file without it is refused, since the error would appear with
   * the first text that needs it.
   */
  private static int unknown(ConfigJson json, TokenTable tokens, String absent) {
    String unknown = json.optionalString("unk_token", absent);
    int id = tokens.find(unknown);
    if (id < 0) {
      throw json.wrong("unk_token", "a token of the vocabulary");
    }
    return id;
  }
}
