package dev.panaformer.generate;

import java.time.Duration;
import java.util.List;

/**
 * The result of a generation. The arrays must not be modified.
 *
 * @param text the generated text, without what {@link GenerationOptions#stopStrings} or stop ids
 *     end it with; empty if the model has no tokenizer
 * @param ids the generated tokens, a stop id that ended them included
 * @param logProbabilities of each token, as in {@link GeneratedToken}; empty unless asked for
 * @param ranking the texts that a beam search finished, the best, which is this one, first; empty
 *     without one
 * @param finishReason why it ended
 * @param promptTokens tokens that were read: the source's, or where there is none the prompt's,
 *     after sliding
 * @param seed the seed that draws the same text again
 * @param timeToFirstToken from the request, waiting included; the whole time if there is no token
 * @param time from the request to the end
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

  /** Tokens a second after the first one; 0 if there are fewer than two. */
  public double tokensPerSecond() {
    double seconds = time.minus(timeToFirstToken).toNanos() * 1e-9;
    return ids.length < 2 || seconds <= 0 ? 0 : (ids.length - 1) / seconds;
  }
}
