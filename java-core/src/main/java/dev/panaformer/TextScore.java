package dev.panaformer;

/**
 * How well a model foresees a text: the objective that causal language models are trained on. The
 * arrays are not to be modified.
 *
 * @param ids the text's tokens
 * @param logProbabilities natural logarithms of the probability of each token after those before
 *     it; the first one, which nothing precedes, has 0 and does not count
 * @param best the token that the model thought likeliest in the place of each; the first one itself
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

  /** The mean cross-entropy of a token, in nats. */
  public double loss() {
    return -logLikelihood() / (ids.length - 1);
  }

  /** {@code exp(loss)}: among how many equally likely tokens the model seems to choose. */
  public double perplexity() {
    return Math.exp(loss());
  }
}
