package dev.panaformer.tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A text, or a pair of texts, as a model reads it. All arrays have one entry a token; none is to be
 * modified.
 *
 * @param ids places in the vocabulary
 * @param typeIds 0 for the first text, 1 for the second, as the tokenizer's template says
 * @param tokens the vocabulary's spelling of each token
 * @param starts where each token begins in its text, in chars; 0 for special tokens
 * @param ends where each token ends in its text, in chars, exclusive; 0 for special tokens
 * @param sequences which text each token comes from: 0, 1, or {@link #NO_SEQUENCE} for those that
 *     the template adds ({@code [CLS]}, {@code [SEP]})
 */
public record Encoding(
    int[] ids, int[] typeIds, String[] tokens, int[] starts, int[] ends, int[] sequences) {

  /** What {@link #sequences} holds for a special token. */
  public static final int NO_SEQUENCE = -1;

  public Encoding {
    int length = ids.length;
    if (typeIds.length != length
        || tokens.length != length
        || starts.length != length
        || ends.length != length
        || sequences.length != length) {
      throw new IllegalArgumentException("arrays of different lengths");
    }
  }

  /** The number of tokens, special ones included. */
  public int length() {
    return ids.length;
  }

  /** Whether the template added this token, rather than a text. */
  public boolean isSpecial(int token) {
    return sequences[token] == NO_SEQUENCE;
  }

  /**
   * This encoding, or, where it is longer, one of {@code maxTokens}: tokens leave the end of the
   * longer text until both are equally long, then the ends of both. Special tokens stay.
   *
   * @throws IllegalArgumentException if the special tokens alone are more
   */
  public Encoding truncate(int maxTokens) {
    if (length() <= maxTokens) {
      return this;
    }
    int first = count(0);
    int second = count(1);
    int budget = budget(maxTokens, 0);
    int shorter = Math.min(Math.min(first, second), budget / 2);
    int keepFirst = first <= second ? shorter : budget - shorter;
    return select(keep(new int[] {0, 0}, new int[] {keepFirst, budget - keepFirst}));
  }

  /**
   * This encoding, or, where it is longer, several that together hold all of its last text (the
   * context of a question): each repeats the special tokens and, of a pair, the first text, and
   * shares {@code overlap} tokens with its predecessor.
   *
   * @throws IllegalArgumentException if there is no room for more than {@code overlap} tokens
   */
  public List<Encoding> windows(int maxTokens, int overlap) {
    if (length() <= maxTokens) {
      return List.of(this);
    }
    int first = count(0);
    int second = count(1);
    int text = second > 0 ? 1 : 0;
    int windowed = text == 1 ? second : first;
    int width = budget(maxTokens, text == 1 ? first : 0);
    if (overlap < 0 || width <= overlap) {
      throw new IllegalArgumentException(
          String.format(
              "windows of %d tokens leave %d for the text, too few for an overlap of %d",
              maxTokens, Math.max(width, 0), overlap));
    }
    List<Encoding> windows = new ArrayList<>();
    int start = 0;
    while (true) {
      int[] from = {0, 0};
      int[] count = {first, second};
      from[text] = start;
      count[text] = Math.min(width, windowed - start);
      windows.add(select(keep(from, count)));
      if (start + width >= windowed) {
        return windows;
      }
      start += width - overlap;
    }
  }

  /** The room that {@code maxTokens} leaves beside special tokens and {@code others}. */
  private int budget(int maxTokens, int others) {
    int special = count(NO_SEQUENCE);
    if (maxTokens < special) {
      throw new IllegalArgumentException(
          String.format("%d tokens do not hold the %d special ones", maxTokens, special));
    }
    return maxTokens - special - others;
  }

  private int count(int sequence) {
    return (int) Arrays.stream(sequences).filter(s -> s == sequence).count();
  }

  /** The special tokens, and of each text {@code count} tokens after the first {@code from}. */
  private int[] keep(int[] from, int[] count) {
    int[] seen = {0, 0};
    return IntStream.range(0, length())
        .filter(i -> {
          int s = sequences[i];
          if (s == NO_SEQUENCE) {
            return true;
          }
          int place = seen[s]++;
          return place >= from[s] && place < from[s] + count[s];
        })
        .toArray();
  }

  private Encoding select(int[] kept) {
    return new Encoding(
        pick(ids, kept),
        pick(typeIds, kept),
        Arrays.stream(kept).mapToObj(i -> tokens[i]).toArray(String[]::new),
        pick(starts, kept),
        pick(ends, kept),
        pick(sequences, kept));
  }

  private static int[] pick(int[] values, int[] kept) {
    return Arrays.stream(kept).map(i -> values[i]).toArray();
  }
}
