package dev.panaformer.tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A tokenized text, or pair of texts, in the form that a model reads. All arrays have one element
 * for each token and must not be modified.
 *
 * @param ids the ids of the tokens in the vocabulary
 * @param typeIds 0 for the first text and 1 for the second, as the tokenizer's template defines
 *     them
 * @param tokens the spelling of each token in the vocabulary
 * @param starts the index of each token's first char in its text; 0 for special tokens
 * @param ends the index after each token's last char in its text; 0 for special tokens
 * @param sequences the text that each token comes from: 0, 1, or {@link #NO_SEQUENCE} for tokens
 *     that the template adds ({@code [CLS]}, {@code [SEP]})
 */
public record Encoding(
    int[] ids, int[] typeIds, String[] tokens, int[] starts, int[] ends, int[] sequences) {

  /** The value of {@link #sequences} for a special token. */
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

  /** The number of tokens, including special tokens. */
  public int length() {
    return ids.length;
  }

  /** Whether the token was added by the template and is not part of a text. */
  public boolean isSpecial(int token) {
    return sequences[token] == NO_SEQUENCE;
  }

  /**
   * Returns an encoding of at most {@code maxTokens} tokens. Tokens are removed from the end of the
   * longer text until both texts have the same length, then from the ends of both. Special tokens
   * are kept.
   *
   * @throws IllegalArgumentException if the special tokens alone exceed {@code maxTokens}
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
   * Splits an encoding that has more than {@code maxTokens} tokens into windows that together
   * contain all of its last text, such as the context of a question. Each window repeats the
   * special tokens and, for a pair, the first text. Consecutive windows overlap by {@code overlap}
   * tokens.
   *
   * @throws IllegalArgumentException if a window has no room for more than {@code overlap} tokens
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

  /**
   * The number of tokens that remain of {@code maxTokens} after special tokens and {@code others}.
   */
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

  /**
   * The indices of the special tokens and, for each text, of {@code count} tokens from token {@code
   * from} on.
   */
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
