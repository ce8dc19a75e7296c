package dev.panaformer.generate;

/**
 * Thrown if the model computes a logit that is NaN or infinite, so that no token can be chosen. The
 * usual cause is weights or activations outside the range of float32.
 */
public final class NonFiniteLogitsException extends ArithmeticException {
  private static final long serialVersionUID = 1;

  /**
   * @param token the index of the new token, from 0
   * @param logit the best logit
   */
  public NonFiniteLogitsException(int token, float logit) {
    super("the best logit for new token " + token + " is " + logit + ", expected a finite number");
  }
}
