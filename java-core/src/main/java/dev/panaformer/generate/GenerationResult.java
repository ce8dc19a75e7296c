package dev.panaformer.generate;

import java.time.Duration;
import java.util.List;

/**
 * The result of a generation. The arrays must not be modified. Not to be implemented by users: what
 * is reported of a generation may grow, and a new method breaks no caller.
 */
public interface GenerationResult {

  /**
   * The generated text, without the stop string or stop id that ended it; empty if the model has no
   * tokenizer.
   */
  String text();

  /** The generated tokens, including a stop id that ended the text. */
  int[] ids();

  /** The log-probability of each token, as in {@link GeneratedToken}; empty unless requested. */
  float[] logProbabilities();

  /**
   * The texts that a beam search finished, best first, including this text as the first one; empty
   * without a beam search.
   */
  List<RankedText> ranking();

  /** Why the generation ended. */
  FinishReason finishReason();

  /**
   * The number of input tokens: the tokens of the source or, without a source, of the prompt after
   * old tokens were dropped.
   */
  int promptTokens();

  /** The seed that reproduces the sampled text. */
  long seed();

  /**
   * The time from the request to the first token, including waiting; equal to {@link #time} if
   * there is no token.
   */
  Duration timeToFirstToken();

  /** The time from the request to the end. */
  Duration time();

  /**
   * The number of tokens per second after the first token; 0 if there are fewer than two tokens.
   */
  default double tokensPerSecond() {
    double seconds = time().minus(timeToFirstToken()).toNanos() * 1e-9;
    return ids().length < 2 || seconds <= 0 ? 0 : (ids().length - 1) / seconds;
  }
}
