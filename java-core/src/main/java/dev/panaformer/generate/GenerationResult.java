package dev.panaformer.generate;

import java.time.Duration;
import java.util.List;

/**
 * The result of a generation. The arrays must not be modified.
 *
 * @param text the generated text, without the stop string or stop id that ended it; empty if the
 *     model has no tokenizer
 * @param ids the generated tokens, including a stop id that ended the text
 * @param logProbabilities the log-probability of each token, as in {@link GeneratedToken}; empty
 *     unless requested
 * @param ranking the texts that a beam search finished, best first, including this text as the
 *     first one; empty without a beam search
 * @param finishReason why the generation ended
 * @param promptTokens the number of input tokens: the tokens of the source or, without a source, of
 *     the prompt after old tokens were dropped
 * @param seed the seed that reproduces the sampled text
 * @param timeToFirstToken the time from the request to the first token, including waiting; equal to
 *     {@code time} if there is no token
 * @param time the time from the request to the end
 */
public record GenerationResult(
    String text,
    int[] ids,
    float[] logProbabilities,
    List<RankedText> ranking,
    FinishReason finishReason,
    int promptTokens,
    long seed,
    Duration timeToFirstToken,
    Duration time) {

  /**
   * The number of tokens per second after the first token; 0 if there are fewer than two tokens.
   */
  public double tokensPerSecond() {
    double seconds = time.minus(timeToFirstToken).toNanos() * 1e-9;
    return ids.length < 2 || seconds <= 0 ? 0 : (ids.length - 1) / seconds;
  }
}
