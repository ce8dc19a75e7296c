package dev.panaformer.tokenizer.model;

import dev.panaformer.checkpoint.CheckpointException;
import dev.panaformer.tokenizer.text.Chars;
import dev.panaformer.tokenizer.text.Text;
import dev.panaformer.tokenizer.vocabulary.TokenTable;
import dev.panaformer.tokenizer.vocabulary.TokenTrie;

/**
 * Splits a piece into the tokens with the largest sum of scores (Kudo 2018), found by dynamic
 * programming over the positions of the piece.
 */
public final class Unigram implements TokenModel {
  /** What an unknown character costs, compared with the token of the lowest score. */
  private static final double UNKNOWN_PENALTY = 10;

  private final String source;
  private final TokenTable vocabulary;
  private final double[] scores;
  private final int unknown;
  private final double unknownScore;
  private final ByteTokens bytes;

  /**
   * @param source the file, for messages
   * @param scores the score of each id; minus infinity for tokens that no text has
   * @param unknown the id of the unknown token, or -1
   * @param byteFallback whether unknown characters become tokens of their bytes
   */
  public Unigram(
      String source, TokenTable vocabulary, double[] scores, int unknown, boolean byteFallback) {
    this(source, vocabulary, scores, lowest(scores), unknown, byteFallback);
  }

  /**
   * @param lowest the score that unknown characters are compared with
   */
  public Unigram(
      String source,
      TokenTable vocabulary,
      double[] scores,
      double lowest,
      int unknown,
      boolean byteFallback) {
    this.source = source;
    this.vocabulary = vocabulary;
    this.scores = scores;
    this.unknown = unknown;
    this.unknownScore = lowest - UNKNOWN_PENALTY;
    this.bytes = byteFallback ? ByteTokens.of(vocabulary) : ByteTokens.NONE;
  }

  /**
   * Tokens with a score of minus infinity are in the vocabulary, but no text is split into them.
   */
  private static double lowest(double[] scores) {
    double lowest = Double.POSITIVE_INFINITY;
    for (double score : scores) {
      lowest = Math.min(lowest, score);
    }
    return lowest;
  }

  @Override
  public void tokenize(Text text, int from, int to, Scratch scratch, Tokens tokens) {
    tokens.beginPiece();
    int length = to - from;
    scratch.reserve(length + 1);
    findBestPath(text.array(), from, to, scratch);
    int[] starts = scratch.first;
    int[] ids = scratch.second;
    // The path is known from its end. Unknown tokens that follow one another are one.
    int[] path = scratch.third;
    int count = 0;
    for (int end = length; end > 0; end = starts[end]) {
      boolean joins = count > 0 && ids[end] == unknown && ids[path[count - 1]] == unknown;
      if (joins) {
        starts[path[count - 1]] = starts[end];
      } else {
        path[count++] = end;
      }
    }
    for (int i = count - 1; i >= 0; i--) {
      int end = path[i];
      int start = i == count - 1 ? 0 : path[i + 1];
      add(text, from + start, from + end, ids[end], tokens);
    }
  }

  private void findBestPath(char[] chars, int from, int to, Scratch scratch) {
    TokenTrie trie = vocabulary.trie();
    int[] starts = scratch.first;
    int[] ids = scratch.second;
    double[] best = scratch.scores;
    int length = to - from;
    for (int i = 0; i <= length; i++) {
      starts[i] = -1;
    }
    best[0] = 0;
    for (int start = 0; start < length; ) {
      double before = best[start];
      int width = Character.charCount(Character.codePointAt(chars, from + start, to));
      boolean single = false;
      int node = TokenTrie.ROOT;
      for (int i = start; i < length; i++) {
        node = trie.child(node, chars[from + i]);
        if (node == TokenTrie.NONE) {
          break;
        }
        int id = trie.id(node);
        if (id >= 0 && scores[id] != Double.NEGATIVE_INFINITY) {
          int end = i + 1;
          double score = scores[id] + before;
          if (starts[end] < 0 || score > best[end]) {
            best[end] = score;
            starts[end] = start;
            ids[end] = id;
          }
          single |= end == start + width;
        }
      }
      int end = start + width;
      if (!single) {
        double score = unknownScore + before;
        if (starts[end] < 0 || score > best[end]) {
          requireUnknown(chars, from + start);
          best[end] = score;
          starts[end] = start;
          ids[end] = unknown;
        }
      }
      start = end;
    }
  }

  private void requireUnknown(char[] chars, int at) {
    if (unknown < 0) {
      throw new CheckpointException(
          String.format(
              "%s: the vocabulary has no token for U+%04X and no unknown token",
              source, Character.codePointAt(chars, at)));
    }
  }

  private void add(Text text, int from, int to, int id, Tokens tokens) {
    if (id != unknown) {
      tokens.add(id, vocabulary.token(id), text, from, to);
      return;
    }
    int known = vocabulary.trie().find(text.array(), from, to);
    if (known < 0 && bytes.hasAll(text, from, to)) {
      bytes.add(text, from, to, tokens);
      return;
    }
    String spelling = tokens.isDetailed() ? text.substring(from, to) : null;
    tokens.add(known < 0 ? unknown : known, spelling, text, from, to);
  }

  @Override
  public TokenTable vocabulary() {
    return vocabulary;
  }

  /** The tokens {@code <0x00>} to {@code <0xFF>}, which stand for bytes of UTF-8. */
  private record ByteTokens(TokenTable vocabulary, int[] ids) {
    static final ByteTokens NONE = new ByteTokens(null, null);

    static ByteTokens of(TokenTable vocabulary) {
      int[] ids = new int[256];
      for (int b = 0; b < ids.length; b++) {
        ids[b] = vocabulary.find(String.format("<0x%02X>", b));
      }
      return new ByteTokens(vocabulary, ids);
    }

    boolean hasAll(Text text, int from, int to) {
      if (ids == null) {
        return false;
      }
      for (int i = from; i < to; ) {
        int c = text.codePointAt(i);
        for (int n = 0; n < Chars.utf8Length(c); n++) {
          if (ids[Chars.utf8Byte(c, n)] < 0) {
            return false;
          }
        }
        i += Character.charCount(c);
      }
      return true;
    }

    /** Each of the tokens stands for the whole range. */
    void add(Text text, int from, int to, Tokens tokens) {
      for (int i = from; i < to; ) {
        int c = text.codePointAt(i);
        for (int n = 0; n < Chars.utf8Length(c); n++) {
          int id = ids[Chars.utf8Byte(c, n)];
          tokens.add(id, vocabulary.token(id), text, from, to);
        }
        i += Character.charCount(c);
      }
    }
  }
}
