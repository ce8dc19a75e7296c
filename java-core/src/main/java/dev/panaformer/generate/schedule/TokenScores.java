package dev.panaformer.generate.schedule;

/**
 * What a model thought of a text's tokens before it saw them. The arrays are not to be modified.
 *
 * @param logProbabilities of each token after those before it
 * @param best the token that was thought likeliest in its place
 */
public record TokenScores(float[] logProbabilities, int[] best) {}
