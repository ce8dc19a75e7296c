package dev.panaformer.tokenizer.file;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.JsonStream;
import dev.panaformer.checkpoint.StrictJson;
import dev.panaformer.tokenizer.model.Bpe;
import dev.panaformer.tokenizer.model.MergeTable;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import java.util.ArrayList;
import java.util.List;

/** The merges of a BPE model in their order, as pairs of spellings. Not thread-safe. */
final class Merges {
  private static final String VERSION = "#version";

  private final String source;

  /** The left and the right spelling of each merge, one after the other. */
  private final List<String> pairs = new ArrayList<>();

  /**
   * @param source the file, for messages
   */
  Merges(String source) {
    this.source = source;
  }

  /** Reads an array of strings {@code "a b"} or of pairs {@code ["a", "b"]}. */
  static Merges read(JsonStream json, String source) {
    if (!json.isArray()) {
      throw new CheckpointException(source + ": model.merges is not an array");
    }
    Merges merges = new Merges(source);
    json.beginArray();
    while (json.hasNext()) {
      if (json.isString()) {
        merges.addLine(json.nextString());
        continue;
      }
      if (!json.isArray()) {
        throw new CheckpointException(source + ": " + json.path() + ": expected [left, right]");
      }
      json.beginArray();
      int count = 0;
      for (; json.hasNext(); count++) {
        merges.pairs.add(json.nextString());
      }
      if (count != 2) {
        throw new CheckpointException(source + ": " + json.path() + ": expected [left, right]");
      }
      json.endArray();
    }
    json.endArray();
    return merges;
  }

  /** Adds {@code "a b"}. A line with the version of the format is skipped. */
  void addLine(String line) {
    if (line.startsWith(VERSION)) {
      return;
    }
    int space = line.indexOf(' ');
    if (space < 0 || line.indexOf(' ', space + 1) >= 0) {
      throw new CheckpointException(
          String.format(
              "%s: the merge %s: expected two tokens with a space between them",
              source, StrictJson.text(line)));
    }
    pairs.add(line.substring(0, space));
    pairs.add(line.substring(space + 1));
  }

  /** Adds a merge. */
  void add(String left, String right) {
    pairs.add(left);
    pairs.add(right);
  }

  /**
   * @throws CheckpointException if a merge is of tokens that the vocabulary does not have
   */
  Bpe model(TokenTable tokens, Bpe.Options options) {
    String prefix = options.continuingPrefix();
    MergeTable table = new MergeTable();
    boolean crosses = false;
    for (int i = 0; i < pairs.size(); i += 2) {
      String left = pairs.get(i);
      String right = pairs.get(i + 1);
      if (!right.startsWith(prefix)) {
        throw new CheckpointException(
            String.format(
                "%s: the merge %s %s has a second half without the prefix \"%s\"",
                source, left, right, prefix));
      }
      String merged = left + right.substring(prefix.length());
      table.put(id(tokens, left), id(tokens, right), i / 2, id(tokens, merged));
      crosses |= Bpe.crossesWordStart(merged);
    }
    return new Bpe(tokens, table, crosses, options);
  }

  private int id(TokenTable tokens, String token) {
    int id = tokens.find(token);
    if (id < 0) {
      throw new CheckpointException(
          String.format(
              "%s: a merge has the token %s, which the vocabulary does not have",
              source, StrictJson.text(token)));
    }
    return id;
  }
}
