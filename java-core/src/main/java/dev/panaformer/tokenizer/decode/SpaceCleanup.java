package dev.panaformer.tokenizer.decode;

/**
 * Removes spaces before punctuation and contractions from a decoded text, where {@code
 * clean_up_tokenization_spaces} asks for it.
 */
public final class SpaceCleanup {
  private SpaceCleanup() {}

  public static String apply(String text) {
    return text.replace(" .", ".")
        .replace(" ?", "?")
        .replace(" !", "!")
        .replace(" ,", ",")
        .replace(" ' ", "'")
        .replace(" n't", "n't")
        .replace(" 'm", "'m")
        .replace(" 's", "'s")
        .replace(" 've", "'ve")
        .replace(" 're", "'re");
  }
}
