package dev.panaformer.tokenizer.vocabulary;

import dev.panaformer.checkpoint.ConfigJson;

/**
 * A token that is looked for in a text before the text is split.
 *
 * @param singleWord whether it must not be part of a longer word
 * @param stripsLeft whether white space before it belongs to it
 * @param stripsRight whether white space after it belongs to it
 * @param normalized whether it is looked for in the normalized text, and in its normalized form
 * @param special whether it is a control token, which decoding may leave out
 */
public record AddedToken(
    String content,
    boolean singleWord,
    boolean stripsLeft,
    boolean stripsRight,
    boolean normalized,
    boolean special) {

  /** A token without particular properties. */
  public static AddedToken of(String content, boolean special) {
    return new AddedToken(content, false, false, false, !special, special);
  }

  /** Reads an element of {@code added_tokens} or of {@code added_tokens_decoder}. */
  public static AddedToken read(ConfigJson json) {
    boolean special = json.optionalBoolean("special", false);
    return new AddedToken(
        json.requireString("content"),
        json.optionalBoolean("single_word", false),
        json.optionalBoolean("lstrip", false),
        json.optionalBoolean("rstrip", false),
        json.optionalBoolean("normalized", !special),
        special);
  }

  /** The same token as a control token. */
  public AddedToken asSpecial() {
    return new AddedToken(content, singleWord, stripsLeft, stripsRight, normalized, true);
  }
}
