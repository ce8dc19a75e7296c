package dev.panaformer.generate.schedule;

/**
 * The scores that a model gives to the tokens of a text. The arrays must not be modified.
 *
 * @param logProbabilities the natural logarithm of the probability of each token, given the tokens
 *     before it
 * @param best the most probable token at each position
 */
public record TokenScores(float[] logProbabilities, int[] best) {}
