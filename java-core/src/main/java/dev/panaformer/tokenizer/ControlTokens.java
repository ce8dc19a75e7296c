package dev.panaformer.tokenizer;

import java.util.function.Predicate;

/**
 * Which control tokens are recognised in a text. A control token is an added token that its file
 * calls special, such as {@code [SEP]} or {@code <|im_end|>}. Where it is not recognised, its
 * spelling is text like any other, so that whoever writes the text cannot speak for the model's
 * template. Immutable and thread-safe.
 */
public final class ControlTokens {
  /** All of them. This is what the reference does unless it is told otherwise. */
  public static final ControlTokens PARSE = new ControlTokens(spelling -> true);

  /** None of them: the text was written by someone else. */
  public static final ControlTokens TEXT = new ControlTokens(spelling -> false);

  private final Predicate<String> accepted;

  private ControlTokens(Predicate<String> accepted) {
    this.accepted = accepted;
  }

  /**
   * Those whose spelling is accepted.
   *
   * @param accepted may be called by several threads
   */
  public static ControlTokens only(Predicate<String> accepted) {
    return new ControlTokens(accepted);
  }

  boolean accepts(String spelling) {
    return accepted.test(spelling);
  }
}
