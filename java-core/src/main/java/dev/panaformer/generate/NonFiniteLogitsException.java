package dev.panaformer.generate;

/**
 * The model computed a logit that is NaN or infinite, so that no token can be chosen. Weights or
 * activations outside the range of float32 are the usual cause.
 */
public final class NonFiniteLogitsException extends ArithmeticException {
  private static final long serialVersionUID = 1;

  /**
   * @param token the number of the new token, from 0
   * @param logit the best logit
   */
  public NonFiniteLogitsException(int token, float logit) {
    super("the best logit for new token " + token + " is " + logit + ", expected a finite number");
  }
}
