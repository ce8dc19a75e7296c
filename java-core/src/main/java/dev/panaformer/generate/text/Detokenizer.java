package dev.panaformer.generate.text;

import java.util.Arrays;
import java.util.function.Function;

/**
 * Text of tokens as they come. A token may hold part of a character, and what it reads like may
 * depend on the one before it (a leading space, or none); so that each piece is the difference
 * between two decodings of the last few tokens. Half a character decodes to U+FFFD and is held back
 * until the rest comes, or the end.
 *
 * <p>Each step decodes a handful of tokens, however long the text is. Not thread-safe.
 */
public final class Detokenizer {
  private static final char REPLACEMENT = '\uFFFD';

  /**
   * Tokens of the prompt that the first piece is read after, or more if those read like nothing.
   */
  private static final int LEAD = 6;

  /** Tokens without a whole character among them after which there will be none. */
  private static final int PATIENCE = 32;

  private final Function<int[], String> decode;

  /** The tokens read together: those that lead, then those that end in the text not yet shown. */
  private int[] ids = {};

  private int count;
  private int lead;
  private int shown;

  /**
   * @param decode text of ids, as a tokenizer reads them in one go
   * @param prompt what the text follows
   */
  public Detokenizer(Function<int[], String> decode, int[] prompt) {
    this.decode = decode;
    int first = prompt.length;
    String read = "";
    for (int n = LEAD; read.isEmpty() && first > 0; n *= 2) {
      first = Math.max(0, prompt.length - n);
      ids = Arrays.copyOfRange(prompt, first, prompt.length);
      read = decode.apply(ids);
    }
    this.count = ids.length;
    this.lead = count;
    // A character that the prompt begins is shown when it is whole.
    while (incomplete(read)) {
      read = read.substring(0, read.length() - 1);
    }
    this.shown = read.length();
  }

  /** Takes a token, returns what can now be read; perhaps nothing. */
  public String append(int id) {
    if (count == ids.length) {
      ids = Arrays.copyOf(ids, 2 * count + 4);
    }
    ids[count++] = id;
    String text = text();
    if (incomplete(text) && count - lead < PATIENCE) {
      return "";
    }
    String piece = show(text);
    leadOn(text);
    return piece;
  }

  /** What was held back, at the end of the text. */
  public String rest() {
    return show(text());
  }

  private String text() {
    return decode.apply(Arrays.copyOf(ids, count));
  }

  private static boolean incomplete(String text) {
    return !text.isEmpty() && text.charAt(text.length() - 1) == REPLACEMENT;
  }

  private String show(String text) {
    int from = Math.min(shown, text.length());
    shown = text.length();
    boolean splits =
        from > 0 && from < text.length() && Character.isLowSurrogate(text.charAt(from));
    return text.substring(splits ? from - 1 : from);
  }

  /**
   * The tokens shown last are what the next ones are read after; those before have done so. Tokens
   * that read like nothing are no such thing: they would look like the beginning of a text.
   */
  private void leadOn(String text) {
    int[] latest = Arrays.copyOfRange(ids, lead, count);
    String read = decode.apply(latest);
    if (read.isEmpty()) {
      shown = text.length();
    } else {
      shown = read.length();
      ids = latest;
      count = latest.length;
    }
    lead = count;
  }
}
