package dev.panaformer.tokenizer.vocabulary;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.checkpoint.StrictJson;
import java.util.Arrays;

/** The tokens of a model and their ids. Immutable and thread-safe. */
public final class TokenTable {
  /** Far above any existing vocabulary, and small enough for an array in memory. */
  public static final int MAX_ID = (1 << 24) - 1;

  private final TokenTrie trie;
  private final String[] tokens;
  private final int count;

  private TokenTable(TokenTrie trie, String[] tokens, int count) {
    this.trie = trie;
    this.tokens = tokens;
    this.count = count;
  }

  /** Collects tokens. Not thread-safe. */
  public static final class Builder {
    private final String source;
    private final TokenTrie trie = new TokenTrie();
    private String[] tokens = new String[1 << 10];
    private int size;
    private int count;

    /**
     * @param source the file, for messages
     */
    public Builder(String source) {
      this.source = source;
    }

    /** The number of tokens so far. */
    public int count() {
      return count;
    }

    /**
     * Adds a token.
     *
     * @throws CheckpointException if it has another id already, or the id is not in range
     */
    public void add(String token, long id) {
      if (replace(token, id) >= 0) {
        throw new CheckpointException(
            String.format("%s: the token %s appears twice", source, StrictJson.text(token)));
      }
    }

    /**
     * Adds a token, which has the last of its ids if it is added several times.
     *
     * @return the id that it had, or -1
     * @throws CheckpointException if the id is not in range
     */
    public int replace(String token, long id) {
      if (id < 0 || id > MAX_ID) {
        throw new CheckpointException(
            String.format(
                "%s: token %s has the id %d, expected an integer from 0 to %d",
                source, StrictJson.text(token), id, MAX_ID));
      }
      int before;
      try {
        before = trie.put(token, (int) id);
      } catch (IllegalArgumentException e) {
        throw new CheckpointException(source + ": " + e.getMessage(), e);
      }
      if (id >= tokens.length) {
        tokens = Arrays.copyOf(tokens, (int) Math.max(id + 1, 2L * tokens.length));
      }
      if (tokens[(int) id] == null) {
        tokens[(int) id] = token;
      }
      size = Math.max(size, (int) id + 1);
      count++;
      return before;
    }

    /** The id of a token that was added, or -1. */
    public int find(String token) {
      return trie.find(token);
    }

    /**
     * @throws CheckpointException if there is no token
     */
    public TokenTable build() {
      if (count == 0) {
        throw new CheckpointException(source + ": no vocabulary, expected at least one token");
      }
      trie.trim();
      return new TokenTable(trie, Arrays.copyOf(tokens, size), count);
    }
  }

  /** The tokens as a trie. */
  public TokenTrie trie() {
    return trie;
  }

  /** The id of a token, or -1. */
  public int find(String token) {
    return trie.find(token);
  }

  /** The token of an id, or null. */
  public String token(int id) {
    return id >= 0 && id < tokens.length ? tokens[id] : null;
  }

  /** The number of tokens that were added. */
  public int count() {
    return count;
  }

  /** The largest id plus one. */
  public int size() {
    return tokens.length;
  }
}
