package dev.panaformer;

import java.util.Objects;

/**
 * Two texts that a model reads together, such as a premise and a hypothesis, a query and a
 * document, or a question and its context.
 *
 * <p>A record, because a pair will never have more parts than two.
 */
public record TextPair(String first, String second) {

  /**
   * @throws NullPointerException if a text is null
   */
  public TextPair {
    Objects.requireNonNull(first, "first is null, expected a text");
    Objects.requireNonNull(second, "second is null, expected a text");
  }
}
