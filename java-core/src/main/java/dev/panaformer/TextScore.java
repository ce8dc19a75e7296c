package dev.panaformer;

/**
 * The log-probabilities that a model gives to the tokens of a text. The arrays must not be
 * modified.
 *
 * @param ids the tokens of the text
 * @param logProbabilities the natural logarithm of the probability of each token, given the tokens
 *     before it. The value of the first token, which no token precedes, is 0 and is not counted.
 * @param best the most probable token at each position; at the first position the token itself
 */
public record TextScore(int[] ids, float[] logProbabilities, int[] best) {

  /** The sum of the log-probabilities. */
  public double logLikelihood() {
    double sum = 0;
    for (float logProbability : logProbabilities) {
      sum += logProbability;
    }
    return sum;
  }

  /** The mean cross-entropy per token, in nats. */
  public double loss() {
    return -logLikelihood() / (ids.length - 1);
  }

  /** {@code exp(loss)}: the number of equally probable tokens that would have this loss. */
  public double perplexity() {
    return Math.exp(loss());
  }
}
