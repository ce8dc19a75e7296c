package dev.panaformer;

/** Converts logits to probabilities in place. */
final class Probabilities {
  private Probabilities() {}

  static void softmax(double[] logits) {
    double max = Double.NEGATIVE_INFINITY;
    for (double logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      logits[i] = Math.exp(logits[i] - max);
      sum += logits[i];
    }
    for (int i = 0; i < logits.length; i++) {
      logits[i] /= sum;
    }
  }

  static void sigmoid(double[] logits) {
    for (int i = 0; i < logits.length; i++) {
      logits[i] = 1 / (1 + Math.exp(-logits[i]));
    }
  }
}
