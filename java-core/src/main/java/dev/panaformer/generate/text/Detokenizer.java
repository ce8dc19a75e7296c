package dev.panaformer.generate.text;

import java.util.Arrays;
import java.util.function.Function;

/**
 * Decodes tokens to text as they are generated. A token may hold part of a character, and its text
 * may depend on the token before it, for example whether it starts with a space. Each piece is
 * therefore the difference between two decodings of the last few tokens. An incomplete character
 * decodes to U+FFFD. It is held back until the rest of it arrives, or until the end of the text.
 *
 * <p>Each step decodes only a few tokens, however long the text is. Not thread-safe.
 */
public final class Detokenizer {
  private static final char REPLACEMENT = '\uFFFD';

  /**
   * The number of prompt tokens that are decoded before the first piece. It grows while they decode
   * to an empty string.
   */
  private static final int LEAD = 6;

  /** After this many tokens without a complete character, the text is no longer held back. */
  private static final int PATIENCE = 32;

  private final Function<int[], String> decode;

  /**
   * The tokens that are decoded together: first the tokens already shown, which provide the
   * context, then the tokens not yet shown.
   */
  private int[] ids = {};

  private int count;
  private int lead;
  private int shown;

  /**
   * @param decode decodes ids to text, like a tokenizer that decodes them all at once
   * @param prompt the tokens that the text follows
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
    // A character that is incomplete at the end of the prompt is shown when it is complete.
    while (incomplete(read)) {
      read = read.substring(0, read.length() - 1);
    }
    this.shown = read.length();
  }

  /** Adds a token and returns the text that is now complete, which may be empty. */
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

  /** Returns the text that was held back. Called at the end of the text. */
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
   * Makes the tokens shown last the context of the next ones, and drops the older context. Tokens
   * that decode to an empty string cannot be the context: the next token would be decoded as if it
   * began a text.
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
